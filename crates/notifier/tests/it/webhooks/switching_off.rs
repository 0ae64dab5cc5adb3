//! Webhooks that fail are switched off, and nothing is lost.

use mail_parser::MessageParser;
use rowlock_test_support::wait::until;
use rowlock_test_support::webhook_receiver::{Reply, TAKEN};
use serde_json::json;

use super::{Setup, id};
use crate::fixture::about_tickets;

const FAILS_SOON: [(&str, &str); 2] = [("webhooks.give_up_after_ms", "200"), ("notifier.poll_interval_ms", "20")];

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_only_fails_is_switched_off_with_a_mail_and_its_messages_can_be_sent_later() {
    let is_back = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let back = is_back.clone();
    let script = move |_: &str, _| if back.load(std::sync::atomic::Ordering::Relaxed) { TAKEN } else { Reply::Status(502, "") };
    let mut setup = Setup::new(script, &FAILS_SOON).await;
    let webhook = setup.create("/hook", json!({"description": "CRM"})).await;
    setup.fixture.publish((0..3).map(|n| about_tickets("waitlist.left", n))).await;
    until("the webhook is switched off", async || setup.get(&webhook).await["status"] == "disabled").await;
    let now = setup.get(&webhook).await;
    assert_eq!((&now["disabledReason"], &now["lastError"]), (&json!("failing"), &json!("the receiver responded 502")));
    until("all deliveries have failed", async || setup.deliveries(&webhook).await.iter().all(|delivery| delivery["status"] == "failed"))
        .await;

    until("the creator was told", async || setup.smtp.received().len() == 1).await;
    let mail = setup.smtp.received().swap_remove(0);
    assert_eq!(mail.recipient, format!("{}@people.example", now["createdBy"].as_str().unwrap().replace('-', "")));
    let mail = MessageParser::default().parse(&mail.content).unwrap().into_owned();
    assert_eq!(mail.subject(), Some("Your webhook was switched off: CRM"));
    assert!(mail.body_text(0).unwrap().contains("the receiver responded 502"));

    // Messages are still recorded.
    setup.fixture.publish([about_tickets("waitlist.left", 4)]).await;
    until("the message is recorded", async || setup.deliveries(&webhook).await.len() == 4).await;
    let sent = setup.receiver.received("/hook").len();
    setup.fixture.consumed().await;
    assert_eq!(setup.receiver.received("/hook").len(), sent);
    let span = json!({"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:01Z"});
    let path = format!("/admin/webhooks/{}/resend", id(&webhook));
    setup.admin.post(&path, span.clone()).await.refused(409, "webhook-disabled");

    is_back.store(true, std::sync::atomic::Ordering::Relaxed);
    let enabled = setup.post(&webhook, "enable", json!({})).await;
    assert_eq!((&enabled["status"], &enabled["failingSince"]), (&json!("active"), &json!(null)));
    assert_eq!(setup.post(&webhook, "resend", json!({"since": "2026-01-01T00:00:01Z"})).await["resent"], 0);
    assert_eq!(setup.post(&webhook, "resend", span.clone()).await["resent"], 4);
    until("all messages are delivered", async || {
        setup.deliveries(&webhook).await.iter().filter(|delivery| delivery["status"] == "delivered").count() == 4
    })
    .await;
    assert_eq!(setup.post(&webhook, "resend", span).await["resent"], 0);
    let all = json!({"since": "2025-01-01T00:00:00Z", "includeDelivered": true});
    assert_eq!(setup.post(&webhook, "resend", all).await["resent"], 4);
    setup.received("/hook", sent + 8).await;
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_never_taken_fails_and_the_webhook_stays_if_it_takes_others() {
    let script = |path: &str, _: usize| if path == "/picky" { Reply::Status(400, "no") } else { TAKEN };
    let mut setup = Setup::new(script, &[("webhooks.give_up_after_ms", "1000")]).await;
    let webhook = setup.create("/picky", json!({})).await;
    setup.fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    setup.received("/picky", 1).await;
    // A success that the database remembers.
    setup.fixture.execute("UPDATE webhooks SET last_success_at = now() + interval '1 hour'").await;
    let failed = setup.settled(&webhook, "failed").await;
    assert_eq!(failed["error"], "the receiver responded 400");
    assert_eq!(setup.get(&webhook).await["status"], "failing");
    // With another URL, it can be sent again.
    let path = format!("/admin/webhooks/{}", id(&webhook));
    let changed = setup.admin.patch(&path, json!({"url": setup.receiver.url("/patient")})).await.expect(200);
    assert_eq!(changed["status"], "active");
    let resent = setup.post(&webhook, &format!("deliveries/{}/resend", id(&failed)), json!({})).await;
    assert_eq!((&resent["status"], &resent["attempts"]), (&json!("pending"), &json!(0)));
    assert_eq!(setup.received("/patient", 1).await[0].id, id(&failed));
    setup.settled(&webhook, "delivered").await;
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_has_not_failed_for_long_stays_although_an_old_message_fails() {
    let script = |_: &str, earlier| if earlier == 0 { Reply::Status(500, "") } else { TAKEN };
    let mut setup = Setup::new(script, &[("webhooks.concurrency", "1")]).await;
    let webhook = setup.create("/hook", json!({})).await;
    let pause = "UPDATE webhooks SET failures = 5, failing_since = now(), last_error = 'why', paused_until = now() + interval '1 hour'";
    setup.fixture.execute(pause).await;
    setup.fixture.publish((0..3).map(|n| about_tickets("waitlist.left", n))).await;
    until("the messages wait", async || setup.deliveries(&webhook).await.len() == 3).await;
    // As after a day on which no notifier ran, or with another URL.
    setup.fixture.execute("UPDATE webhook_deliveries SET queued_at = queued_at - interval '25 hours'").await;
    setup.fixture.execute("UPDATE webhooks SET failures = 0, failing_since = NULL, last_error = NULL, paused_until = NULL").await;
    until("the messages are settled", async || {
        let statuses: Vec<_> = setup.deliveries(&webhook).await.iter().map(|delivery| delivery["status"].clone()).collect();
        statuses.iter().filter(|status| **status == "failed").count() == 1 && !statuses.contains(&json!("pending"))
    })
    .await;
    assert_eq!(setup.get(&webhook).await["status"], "active");
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_gets_no_more_messages() {
    let mut setup = Setup::new(|_, _| Reply::Status(410, ""), &[]).await;
    let webhook = setup.create("/hook", json!({})).await;
    setup.fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    let failed = setup.settled(&webhook, "failed").await;
    assert_eq!((&failed["attempts"], &failed["error"]), (&json!(1), &json!("the receiver responded 410")));
    until("the webhook is switched off", async || setup.get(&webhook).await["disabledReason"] == "gone").await;
    setup.fixture.publish([about_tickets("booking.confirmed", 2)]).await;
    // Two mails about tickets and the one about the webhook.
    until("all mails are sent", async || setup.smtp.received().len() == 3).await;
    assert_eq!((setup.deliveries(&webhook).await.len(), setup.receiver.received("/hook").len()), (1, 1));
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_often_gets_one_request_at_a_time_and_pauses() {
    let settings = [("webhooks.retry_delays_ms", "100"), ("webhooks.concurrency", "10")];
    let mut setup = Setup::new(|_, earlier| if earlier < 25 { Reply::Status(500, "") } else { TAKEN }, &settings).await;
    let webhook = setup.create("/hook", json!({})).await;
    setup.fixture.publish((0..10).map(|n| about_tickets("waitlist.left", n))).await;
    until("all messages are delivered", async || {
        setup.deliveries(&webhook).await.iter().filter(|delivery| delivery["status"] == "delivered").count() == 10
    })
    .await;
    assert_eq!(setup.receiver.received("/hook").len(), 35);
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_deliveries_and_deleted_webhooks_are_removed() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let (kept, deleted) = (setup.create("/kept", json!({})).await, setup.create("/deleted", json!({})).await);
    setup.fixture.publish((0..2).map(|n| about_tickets("waitlist.left", n))).await;
    until("all messages are delivered", async || {
        setup.deliveries(&kept).await.iter().filter(|delivery| delivery["status"] == "delivered").count() == 2
    })
    .await;
    let old = id(&setup.deliveries(&kept).await[0]).to_owned();
    setup.received("/deleted", 2).await;
    let path = format!("/admin/webhooks/{}", id(&deleted));
    assert_eq!(setup.admin.send(reqwest::Method::DELETE, &path, &[], None).await.status, 204);
    let age = format!("UPDATE webhook_deliveries SET settled_at = settled_at - interval '31 days' WHERE message_id = '{old}'");
    setup.fixture.execute(&age).await;
    // A notifier that starts checks at once.
    setup = setup.restarted(&[]).await;
    let left = "SELECT url AS status, (SELECT count(*) FROM webhook_deliveries AS d WHERE d.webhook_id = w.id)::integer AS attempts,
                    NULL AS detail FROM webhooks AS w";
    until("the old delivery and the deleted webhook are removed", async || {
        let rows = setup.fixture.rows(left).await;
        matches!(&rows[..], [row] if row.status == kept["url"].as_str().unwrap() && row.attempts == 1)
    })
    .await;
    setup.stop().await;
}
