//! The routes for mails: which are listed, and how they are sent again.

use reqwest::Method;
use rowlock_test_support::webhook_receiver::TAKEN;
use serde_json::{Value, json};
use uuid::Uuid;

use super::audit_log::entries;
use super::{Setup, id};
use crate::fixture::about_tickets;
use crate::people::person;

/// Stores a mail to the person `n` about a message, which was created some minutes ago.
async fn insert(setup: &mut Setup, message: u128, n: u128, status: &str, minutes: u32) {
    let (message, recipient) = (Uuid::from_u128(message), person(n));
    let (due, claimed) = match status {
        "pending" => ("now() + interval '1 hour'", "NULL"),
        "sending" => ("NULL", "now()"),
        _ => ("NULL", "NULL"),
    };
    let settled = if matches!(status, "pending" | "sending") { "NULL" } else { "now()" };
    let insert = format!(
        "INSERT INTO deliveries
             (message_id, recipient, channel, kind, data, urgent, status, attempts, due_at, claimed_at, settled_at, created_at, detail)
         VALUES ('{message}', '{recipient}', 'email', 'confirmed', '{{}}', false, '{status}', 3, {due}, {claimed}, {settled},
             timestamptz '2026-01-01T12:00:00Z' - interval '{minutes} minutes', 'because of {n}')"
    );
    setup.fixture.execute(&insert).await;
}

/// Returns the recipients of the mails that a query lists, read in pages of two.
async fn listed(setup: &Setup, query: &str) -> Vec<Value> {
    let (mut recipients, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = setup.admin.get(&format!("/admin/deliveries?{query}&limit=2&cursor={cursor}")).await.expect(200);
        recipients.extend(page["items"].as_array().unwrap().iter().map(|item| item["recipient"].clone()));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return recipients,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_listed_by_status_newest_first() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    // The mails of an announcement are created at the same instant.
    for (message, n, status, minutes) in [
        (1, 1, "failed", 50),
        (2, 2, "unclear", 20),
        (3, 3, "failed", 10),
        (3, 4, "failed", 10),
        (3, 5, "failed", 10),
        (4, 6, "sent", 5),
        (5, 7, "skipped", 4),
        (6, 8, "pending", 3),
        (7, 9, "sending", 2),
    ] {
        insert(&mut setup, message, n, status, minutes).await;
    }
    let people = |all: &[u128]| all.iter().map(|n| json!(person(*n))).collect::<Vec<_>>();
    for (query, expected) in [
        ("", &[3, 4, 5, 2, 1][..]),
        ("status=", &[3, 4, 5, 2, 1]),
        ("status=failed", &[3, 4, 5, 1]),
        ("status=unclear", &[2]),
        ("status=pending", &[9, 8]),
        ("status=sent", &[6]),
        ("status=skipped", &[7]),
    ] {
        assert_eq!(listed(&setup, query).await, people(expected), "{query}");
    }
    let unclear = setup.admin.get("/admin/deliveries?status=unclear").await.expect(200)["items"][0].clone();
    let fields: Vec<_> = unclear.as_object().unwrap().keys().map(String::as_str).collect();
    let all = ["attempts", "createdAt", "kind", "messageId", "nextAttemptAt", "reason", "recipient", "settledAt", "status"];
    assert_eq!(fields, all, "a mail has no personal data besides its reason");
    assert_eq!((&unclear["messageId"], &unclear["kind"]), (&json!(Uuid::from_u128(2)), &json!("confirmed")));
    assert_eq!((&unclear["status"], &unclear["attempts"], &unclear["reason"]), (&json!("unclear"), &json!(3), &json!("because of 2")));
    assert!(unclear["settledAt"].is_string() && unclear["nextAttemptAt"].is_null(), "{unclear}");
    let pending = setup.admin.get("/admin/deliveries?status=pending").await.expect(200);
    assert_eq!(pending["items"][0]["status"], "pending", "a mail that is being sent is pending");
    assert!(pending["items"][0]["nextAttemptAt"].is_null() && pending["items"][1]["nextAttemptAt"].is_string(), "{pending}");

    let wrong = setup.admin.get("/admin/deliveries?status=lost&limit=0&cursor=x").await;
    wrong.refused(422, "invalid-input");
    assert_eq!(wrong.bad_fields(), ["cursor", "limit", "status"]);
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_and_unclear_mails_are_sent_again_and_recorded() {
    // The request wakes the sender, which would otherwise look for due mails once a minute.
    let mut setup = Setup::new(|_, _| TAKEN, &[("notifier.poll_interval_ms", "60000")]).await;
    let message = about_tickets("booking.confirmed", 1);
    setup.fixture.publish([message.clone()]).await;
    setup.fixture.settled(1, "sent").await;
    let path = format!("/admin/deliveries/{}/resend", id(&message));
    let body = json!({"recipient": person(1)});
    let mut log = setup.fixture.broker.tap().await;

    // Another recipient of the same message is not told again.
    insert(&mut setup, Uuid::parse_str(id(&message)).unwrap().as_u128(), 2, "failed", 1).await;
    for (mails, status) in [(2, "failed"), (3, "unclear")] {
        let settle = format!("UPDATE deliveries SET status = '{status}', detail = 'why' WHERE recipient = '{}'", person(1));
        setup.fixture.execute(&settle).await;
        let first = setup.admin.post_with_key(&path, status, body.clone()).await;
        let resent = first.expect(200);
        assert_eq!((&resent["status"], &resent["attempts"], &resent["reason"]), (&json!("pending"), &json!(0), &json!(null)));
        assert_eq!((&resent["messageId"], &resent["recipient"]), (&message["id"], &json!(person(1))));
        let second = setup.admin.post_with_key(&path, status, body.clone()).await;
        assert_eq!((second.header("idempotent-replayed"), second.expect(200)), (Some("true"), resent));
        assert_eq!(setup.fixture.settled(1, "sent").await.attempts, 1);
        assert_eq!(setup.smtp.received().len(), mails);
    }
    let other = json!({"recipient": person(2)});
    setup.admin.post_with_key(&path, "failed", other).await.refused(422, "idempotency-key-reused");
    assert_eq!(setup.fixture.settled(2, "failed").await.attempts, 3);

    let entries = entries(&setup, &mut log, 2).await;
    for (entry, status) in entries.iter().zip(["failed", "unclear"]) {
        assert_eq!((&entry["action"], &entry["subject"]), (&json!("mail.resend"), &message["id"]));
        assert_eq!(entry["details"], json!({"recipient": person(1), "kind": "confirmed", "status": status}));
        assert!(entry["actor"]["accountId"].is_string() && entry["actor"]["requestId"].is_string(), "{entry}");
    }
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_mails_are_not_sent_again() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    for (n, status, shown) in [(1, "sent", "sent"), (2, "skipped", "skipped"), (3, "pending", "pending"), (4, "sending", "pending")] {
        insert(&mut setup, n, n, status, 1).await;
        let path = format!("/admin/deliveries/{}/resend", Uuid::from_u128(n));
        let refused = setup.admin.post(&path, json!({"recipient": person(n)})).await.refused(409, "delivery-not-failed");
        assert_eq!(refused["deliveryStatus"], shown);
        assert_eq!(setup.fixture.settled(n, status).await.attempts, 3, "{status}");
    }
    insert(&mut setup, 5, 5, "failed", 1).await;
    let path = format!("/admin/deliveries/{}/resend", Uuid::from_u128(5));
    for (path, recipient) in
        [(path.as_str(), person(6)), (path.replace("0005", "0009").as_str(), person(5)), ("/admin/deliveries/x/resend", person(5))]
    {
        setup.admin.post(path, json!({"recipient": recipient})).await.refused(404, "delivery-not-found");
    }
    for wrong in [json!({}), json!({"recipient": null}), json!({"recipient": "x"})] {
        let refused = setup.admin.post(&path, wrong).await;
        refused.refused(422, "invalid-input");
        assert_eq!(refused.bad_fields(), ["recipient"]);
    }
    setup.admin.post(&path, json!({"recipient": person(5), "to": "x"})).await.refused(400, "unknown-field");
    setup.admin.send(Method::POST, &path, &[], None).await.refused(400, "malformed-json");
    assert_eq!(setup.fixture.settled(5, "failed").await.attempts, 3);
    assert!(setup.smtp.received().is_empty());
    setup.stop().await;
}
