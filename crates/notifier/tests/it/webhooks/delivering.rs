//! Each message arrives, signed, at every webhook that wants it.

use std::collections::HashSet;

use notifier::NotifierSettings;
use rowlock_platform::clock::Clock;
use rowlock_test_support::wait::until;
use rowlock_test_support::webhook_receiver::{Reply, TAKEN};
use serde_json::json;
use uuid::Uuid;

use super::receiver::Received;
use super::{Setup, id, start};
use crate::fixture::{about_tickets, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_every_webhook_that_wants_it() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let (event, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let all = setup.create("/all", json!({})).await;
    setup.create("/bookings", json!({"types": ["booking.cancelled", "booking.confirmed"]})).await;
    setup.create("/other", json!({"eventId": other})).await;
    setup.create("/both", json!({"eventId": event, "types": ["event.cancelled"]})).await;
    let confirmed = about_tickets("booking.confirmed", 1);
    let cancelled = message("event.cancelled", &json!({"eventId": event}));
    let of_other = message("event.updated", &json!({"eventId": other, "status": "published"}));
    let unknown = about_tickets("booking.celebrated", 2);
    let notice = message("account.notice", &json!({"accountId": Uuid::from_u128(3), "sealed": "secret"}));
    setup.fixture.publish([confirmed.clone(), cancelled.clone(), of_other.clone(), unknown, notice]).await;
    setup.received("/all", 3).await;
    let types = |path: &str| {
        let mut types: Vec<_> = setup.receiver.received(path).iter().map(|got| got.json()["type"].as_str().unwrap().to_owned()).collect();
        types.sort();
        types
    };
    for (path, expected) in [
        ("/all", &["booking.confirmed", "event.cancelled", "event.updated"][..]),
        ("/bookings", &["booking.confirmed"]),
        ("/other", &["event.updated"]),
        ("/both", &["event.cancelled"]),
    ] {
        setup.received(path, expected.len()).await;
        assert_eq!(types(path), expected, "{path}");
    }
    let received = setup.receiver.received("/all").into_iter().find(|got| got.id == confirmed["id"]).unwrap();
    assert_eq!(received.signed_by(&all["secret"]), 1);
    assert_eq!(
        received.json(),
        json!({"type": "booking.confirmed", "timestamp": "2026-01-01T00:00:00.000000Z", "data": confirmed["data"]})
    );
    let age = Clock::system().now().timestamp() - received.timestamp.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
    until("all deliveries are stored", async || {
        setup.deliveries(&all).await.iter().filter(|delivery| delivery["status"] == "delivered").count() == 3
    })
    .await;
    let delivered = setup.deliveries(&all).await.into_iter().find(|delivery| delivery["id"] == confirmed["id"]).unwrap();
    assert_eq!((&delivered["payload"], &delivered["attempts"]), (&received.json(), &json!(1)));
    let attempt = &delivered["lastAttempt"];
    assert_eq!((&attempt["responseStatus"], &attempt["responseBody"]), (&json!(200), &json!("taken")));
    assert_eq!(attempt["url"], all["url"]);
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_until_it_is_taken_and_keeps_its_id() {
    let script = |_: &str, earlier: usize| match earlier {
        0 => Reply::Status(500, "oops"),
        1 => Reply::Status(429, ""),
        2 => Reply::Redirect("/elsewhere"),
        3 => Reply::Hang,
        _ => Reply::Status(204, ""),
    };
    let mut setup = Setup::new(script, &[("webhooks.timeout_ms", "200")]).await;
    let webhook = setup.create("/hook", json!({"description": "CRM"})).await;
    let message = about_tickets("waitlist.joined", 1);
    setup.fixture.publish([message.clone()]).await;
    let delivery = setup.settled(&webhook, "delivered").await;
    assert_eq!((&delivery["attempts"], &delivery["error"], &delivery["nextAttemptAt"]), (&json!(5), &json!(null), &json!(null)));
    let received = setup.receiver.received("/hook");
    assert_eq!(received.len(), 5);
    assert!(received.iter().all(|got| got.id == message["id"] && got.signed_by(&webhook["secret"]) == 1), "{received:?}");
    assert_eq!(setup.receiver.received("/elsewhere").len(), 0);
    let now = setup.get(&webhook).await;
    assert_eq!((&now["status"], &now["failingSince"], &now["lastError"]), (&json!("active"), &json!(null), &json!(null)));
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_failed_is_in_the_log() {
    let mut setup = Setup::new(|_, _| Reply::Status(503, "busy\0"), &[("webhooks.retry_delays_ms", "3600000")]).await;
    let webhook = setup.create("/hook", json!({})).await;
    setup.fixture.publish([about_tickets("booking.reduced", 1)]).await;
    until("the attempt is in the log", async || setup.deliveries(&webhook).await.iter().any(|delivery| !delivery["error"].is_null())).await;
    let delivery = setup.settled(&webhook, "pending").await;
    assert_eq!((&delivery["error"], &delivery["attempts"]), (&json!("the receiver responded 503"), &json!(1)));
    let attempt = &delivery["lastAttempt"];
    assert_eq!((&attempt["responseStatus"], &attempt["responseBody"]), (&json!(503), &json!("busy\u{fffd}")));
    assert!(delivery["nextAttemptAt"].is_string() && attempt["durationMs"].as_i64().unwrap() >= 0);
    let now = setup.get(&webhook).await;
    assert_eq!((&now["status"], &now["lastError"]), (&json!("failing"), &json!("the receiver responded 503")));
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redelivered_messages_and_two_notifiers_make_one_delivery() {
    let mut setup = Setup::new(|_, _| TAKEN, &[("notifier.prefetch", "7")]).await;
    let second = start(&setup.fixture, &setup.auth, &setup.smtp, &[("notifier.prefetch", "7")]).await;
    let webhook = setup.create("/hook", json!({})).await;
    let messages: Vec<_> = (0..40).map(|n| about_tickets("booking.confirmed", n)).collect();
    for _ in 0..3 {
        setup.fixture.publish(messages.clone()).await;
    }
    setup.fixture.consumed().await;
    until("all messages are delivered", async || {
        setup.deliveries(&webhook).await.iter().filter(|delivery| delivery["status"] == "delivered").count() == 40
    })
    .await;
    let received = setup.receiver.received("/hook");
    let distinct: HashSet<_> = received.iter().map(|got| &got.id).collect();
    assert_eq!((received.len(), distinct.len()), (40, 40));
    second.stop().await.unwrap();
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_delays_neither_other_webhooks_nor_mails() {
    let script = |path: &str, _| if path == "/slow" { Reply::Hang } else { TAKEN };
    let mut setup = Setup::new(script, &[("webhooks.concurrency", "2")]).await;
    let slow = setup.create("/slow", json!({})).await;
    setup.create("/fast", json!({})).await;
    setup.fixture.publish((0..20).map(|n| about_tickets("booking.confirmed", n))).await;
    setup.received("/fast", 20).await;
    until("all mails are sent", async || setup.smtp.received().len() == 20).await;
    // The slow receiver has as many requests as it may have, and the others wait.
    setup.received("/slow", 2).await;
    assert_eq!(setup.receiver.received("/slow").len(), 2);
    assert!(setup.deliveries(&slow).await.iter().all(|delivery| delivery["status"] == "pending"));
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_killed_notifier_are_sent_again() {
    let setup = Setup::new(|_, earlier| if earlier == 0 { Reply::Hang } else { TAKEN }, &[]).await;
    let webhook = setup.create("/hook", json!({})).await;
    let Setup { mut fixture, auth, smtp, receiver, notifier, admin } = setup;
    notifier.stop().await.unwrap();
    let settings = NotifierSettings::load(None, fixture.environment(smtp.address, &[])).unwrap();
    // A runtime of its own, whose tasks can be dropped at any point, as if the process were killed.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = {
        let _inside = doomed.enter();
        notifier::start(settings, Clock::system()).unwrap()
    };
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    until("the receiver has the request", async || receiver.received("/hook").len() == 1).await;
    doomed.shutdown_background();
    drop(running);
    fixture.execute("UPDATE webhook_deliveries SET claimed_at = claimed_at - interval '1 hour'").await;
    let notifier = start(&fixture, &auth, &smtp, &[]).await;
    let admin = admin.at(format!("http://{}", notifier.http_addr().unwrap()));
    let setup = Setup { fixture, auth, smtp, receiver, notifier, admin };
    let received = setup.received("/hook", 2).await;
    assert_eq!(received[0].id, received[1].id);
    until("the notifier has the keys of access tokens", async || setup.admin.get("/admin/webhooks").await.status == 200).await;
    assert_eq!(setup.settled(&webhook, "delivered").await["attempts"], 2);
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_sign_after_a_rotation() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let webhook = setup.create("/hook", json!({})).await;
    let rotated = setup.post(&webhook, "rotatesecret", json!({})).await;
    assert_ne!(rotated["secret"], webhook["secret"]);
    assert!(rotated["previousSecretUntil"].is_string());
    setup.fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    let received = setup.received("/hook", 1).await.swap_remove(0);
    assert_eq!((received.signed_by(&webhook["secret"]), received.signed_by(&rotated["secret"])), (1, 1));

    setup.fixture.execute("UPDATE webhooks SET previous_secret_until = now() - interval '1 second'").await;
    assert_eq!(setup.get(&webhook).await["previousSecretUntil"], json!(null));
    let revoked = setup.post(&webhook, "rotatesecret", json!({"revokePrevious": true})).await;
    assert_eq!(revoked["previousSecretUntil"], json!(null));
    setup.fixture.publish([about_tickets("booking.confirmed", 2)]).await;
    let received = setup.received("/hook", 2).await.swap_remove(1);
    let signatures = [&webhook, &rotated, &revoked].map(|webhook| received.signed_by(&webhook["secret"]));
    assert_eq!((signatures, received.signature.split(' ').count()), ([0, 0, 1], 1));
    assert_eq!(id(&webhook), id(&revoked));
    setup.stop().await;
}
