//! Measures how fast mails leave. It proves nothing, so it runs only on request:
//! `cargo test -p notifier --test it speed -- --ignored --nocapture`.

use std::time::Instant;

use rowlock_test_support::wait::until;

use crate::fixture::{Fixture, about_tickets};
use crate::smtp_server::SmtpServer;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the speed"]
async fn mails_per_second() {
    const MAILS: usize = 5_000;
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::new().await;
    let messages: Vec<_> = (0..MAILS).map(|n| about_tickets("booking.confirmed", u128::try_from(n).unwrap())).collect();
    for chunk in messages.chunks(500) {
        fixture.publish(chunk.to_vec()).await;
    }
    let since = Instant::now();
    let notifier = fixture.start(smtp.address, &[]).await;
    until("all mails are sent", async || smtp.received().len() == MAILS).await;
    let took = since.elapsed();
    println!(
        "{MAILS} mails in {took:?}: {:.0} mails/s, including consuming the messages",
        f64::from(u32::try_from(MAILS).unwrap()) / took.as_secs_f64()
    );
    notifier.stop().await.unwrap();
    fixture.close().await;
}
