//! Measures how fast mails leave. It proves nothing, so it runs only on request:
//! `cargo test -p notifier --test it speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use rowlock_test_support::wait::until;

use crate::fixture::{Fixture, about_tickets};
use crate::smtp_server::SmtpServer;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the speed"]
async fn mails_per_second() {
    const MAILS: usize = 20_000;
    const LIMIT: Duration = Duration::from_secs(10);
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::new().await;
    let messages: Vec<_> = (0..MAILS).map(|n| about_tickets("booking.confirmed", u128::try_from(n).unwrap())).collect();
    for chunk in messages.chunks(500) {
        fixture.publish(chunk.to_vec()).await;
    }
    let notifier = fixture.start(smtp.address, &[]).await;
    until("the first mail is sent", async || !smtp.received().is_empty()).await;
    let (since, first) = (Instant::now(), smtp.received().len());
    until("all mails are sent, or enough to tell", async || smtp.received().len() == MAILS || since.elapsed() > LIMIT).await;
    let (took, sent) = (since.elapsed(), smtp.received().len() - first);
    println!("{sent} mails in {took:?}: {:.0} mails/s", f64::from(u32::try_from(sent).unwrap()) / took.as_secs_f64());
    notifier.stop().await.unwrap();
    fixture.close().await;
}
