//! Measures how fast mails leave. It proves nothing, so it runs only on request:
//! `cargo test -p notifier --test it speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use rowlock_test_support::closed_port::ClosedPort;
use rowlock_test_support::wait::until;

use crate::broadcasts::EVENT;
use crate::fixture::{Fixture, about_tickets, changed};
use crate::smtp_server::SmtpServer;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the speed"]
async fn mails_per_second() {
    for is_attached in ["false", "true"] {
        measure(is_attached).await;
    }
}

/// Measures mails about two tickets each, with and without them.
async fn measure(is_attached: &str) {
    const MAILS: usize = 20_000;
    const LIMIT: Duration = Duration::from_secs(10);
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let messages: Vec<_> = (0..MAILS).map(|n| about_tickets("booking.confirmed", u128::try_from(n).unwrap())).collect();
    for chunk in messages.chunks(500) {
        fixture.publish(chunk.to_vec()).await;
    }
    let notifier = fixture.start(smtp.address, &[("mail.attach_tickets", is_attached)]).await;
    until("the first mail is sent", async || !smtp.received().is_empty()).await;
    let (since, first) = (Instant::now(), smtp.received().len());
    until("all mails are sent, or enough to tell", async || smtp.received().len() == MAILS || since.elapsed() > LIMIT).await;
    let (took, sent) = (since.elapsed(), smtp.received().len() - first);
    println!(
        "{sent} mails (tickets attached: {is_attached}) in {took:?}: {:.0} mails/s",
        f64::from(u32::try_from(sent).unwrap()) / took.as_secs_f64()
    );
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the speed"]
async fn deliveries_to_all_holders_of_an_event() {
    const HOLDERS: u32 = 50_000;
    let mut fixture = Fixture::new().await;
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.add_event(EVENT, 48, 0..u128::from(HOLDERS));
        world.page = 1_000;
    }
    // The deliveries are written without a break, and nothing is sent meanwhile.
    let settings = [("broadcasts.max_backlog", "1000000"), ("mail.per_minute", "1"), ("api.keep_ms", "0")];
    let away = ClosedPort::reserve();
    let notifier = fixture.start(away.address, &settings).await;
    let changes = serde_json::json!({"venue": {"from": "The old hall", "to": "The hall"}});
    let since = Instant::now();
    fixture.publish([changed(EVENT, 1, &changes)]).await;
    fixture.broadcasts_are(&[("done", i32::try_from(HOLDERS).unwrap())]).await;
    println!("deliveries to {HOLDERS} holders in {:?}", since.elapsed());
    // The mails about the first change wait, so they also tell about the second one.
    fixture.people.world.lock().unwrap().events.get_mut(&EVENT).unwrap().version = 2;
    let since = Instant::now();
    fixture.publish([changed(EVENT, 2, &changes)]).await;
    let mut broadcasts = Vec::new();
    until("the second change is told", async || {
        broadcasts = fixture.broadcasts().await;
        broadcasts.len() == 2 && broadcasts.iter().all(|broadcast| broadcast.status == "done")
    })
    .await;
    println!("a second change in {:?}, with {} further deliveries", since.elapsed(), broadcasts[1].attempts);
    notifier.stop().await.unwrap();
    fixture.close().await;
}
