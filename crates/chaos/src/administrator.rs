//! The administrator changes the number of tickets all the time, up and down.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::desk::{Desk, Manner, Person};
use crate::events::Program;
use crate::ledger::Operation;

/// The pause between two changes, at most.
const PAUSE: Duration = Duration::from_millis(900);

/// Goes on until nothing new is begun.
pub async fn run(desk: Desk, admin: Person, program: Program, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    while desk.closing.goes_on_after(PAUSE.mul_f64(rng.random())).await {
        let sale = program.draw(&mut rng);
        let capacity = rng.random_range(sale.capacity / 2..=sale.capacity + sale.capacity / 2);
        let operation = Operation::SetCapacity { event: sale.event, ticket_type: sale.ticket_type, capacity };
        desk.decide(&admin, operation, Manner::Once).await;
    }
}
