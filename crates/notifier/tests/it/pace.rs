//! The pace at which messages are taken: bookings wait in their queue while mails are unsent, and urgent messages never do.

use rowlock_test_support::wait::until;

use crate::fixture::{Fixture, about_tickets, message};
use crate::people::person;
use crate::smtp_server::SmtpServer;

/// A notifier that sends one mail per minute, and takes messages for five.
const SLOW: [(&str, &str); 3] = [("mail.per_minute", "1"), ("notifier.max_backlog", "5"), ("notifier.prefetch", "5")];

#[tokio::test(flavor = "multi_thread")]
async fn bookings_wait_in_their_queue_while_mails_are_unsent() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.publish((0..50).map(|n| about_tickets("booking.confirmed", n))).await;
    let notifier = fixture.start(smtp.address, &SLOW).await;
    until("there is no room for more", async || fixture.count("pending").await == 5).await;
    let notice = message("account.notice", &serde_json::json!({"accountId": person(60), "sealed": "x"}));
    fixture.publish([about_tickets("waitlist.promoted", 61), notice]).await;
    for n in [60, 61] {
        until("an urgent message is taken", async || !fixture.rows_of(n).await.is_empty()).await;
    }
    let stored = fixture.data().await.len();
    assert!(stored <= 2 + 5 + 1, "one mail may have been sent since: {stored}");
    // The first five are in the memory of the notifier.
    assert!(fixture.broker.depth(&fixture.broker.notifications().work_queue).await.unwrap() >= 50 - 5 - 1 - 5);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_do_not_wait_for_mails() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture
        .execute(
            "INSERT INTO webhooks (id, url, secret, created_by)
             VALUES (gen_random_uuid(), 'http://127.0.0.1:1/', 'sealed', gen_random_uuid())",
        )
        .await;
    fixture.publish((0..50).map(|n| about_tickets("booking.confirmed", n))).await;
    let notifier = fixture.start(smtp.address, &SLOW).await;
    until("all messages are stored", async || fixture.data().await.len() == 50).await;
    notifier.stop().await.unwrap();
    fixture.close().await;
}
