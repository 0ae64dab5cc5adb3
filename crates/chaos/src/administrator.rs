//! Administrator client that changes capacities continuously, up and down.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::events::EventCatalog;
use crate::request_log::Operation;
use crate::sender::{RequestSender, SendPolicy, TestAccount};

/// Maximum pause between two changes.
const MAX_PAUSE: Duration = Duration::from_millis(900);

/// Runs until the clients are stopped.
pub async fn run(sender: RequestSender, admin: TestAccount, catalog: EventCatalog, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    while sender.stop_signal.sleep_unless_stopped(MAX_PAUSE.mul_f64(rng.random())).await {
        let sale = catalog.draw(&mut rng);
        let capacity = rng.random_range(sale.capacity / 2..=sale.capacity + sale.capacity / 2);
        let operation = Operation::SetCapacity { event: sale.event, ticket_type: sale.ticket_type, capacity };
        sender.send_until_final(&admin, operation, SendPolicy::Once).await;
    }
}
