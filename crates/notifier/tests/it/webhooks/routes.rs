//! The routes: who may use them, what they accept, and what they store.

use reqwest::Method;
use rowlock_domain::states::AdminRole;
use rowlock_test_support::client::Client;
use rowlock_test_support::wait::until;
use rowlock_test_support::webhook_receiver::TAKEN;
use serde_json::{Value, json};
use uuid::Uuid;

use super::receiver::Received;
use super::{Setup, id};
use crate::fixture::{KEY, about_tickets};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

/// Returns a request for every route with a webhook and a delivery, or the message of a mail, in its path.
fn requests(webhook: &str, delivery: &str) -> Vec<(Method, String, Option<Value>)> {
    let all = notifier::routes().into_iter().map(|name| {
        let (method, path) = name.split_once(' ').unwrap();
        let path = path.replace("{webhookId}", webhook).replace("{deliveryId}", delivery).replace("{messageId}", delivery);
        let body = match (method, path.rsplit('/').next().unwrap()) {
            ("POST", "webhooks") => Some(json!({"url": "https://crm.example/"})),
            ("PATCH", _) | ("POST", "rotatesecret") => Some(json!({})),
            ("POST", "resend") if path.starts_with("/admin/deliveries/") => Some(json!({"recipient": UNKNOWN})),
            ("POST", "resend") if !path.contains("/deliveries/") => Some(json!({"since": "2026-01-01T00:00:00Z"})),
            _ => None,
        };
        (method.parse().unwrap(), path, body)
    });
    all.collect()
}

async fn send(client: &Client, (method, path, body): &(Method, String, Option<Value>)) -> rowlock_test_support::client::TestResponse {
    client.send(method.clone(), path, &[], body.as_ref().map(|body| body.to_string().into_bytes())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_organizers_and_owners_manage_webhooks_and_mails() {
    let setup = Setup::new(|_, _| TAKEN, &[]).await;
    let base = setup.receiver.url("/hook");
    let url = format!("http://{}", setup.notifier.http_addr().unwrap());
    let door = setup.auth.administrator(AdminRole::Door).await.1.at(&url);
    let visitor = Client::new(&url);
    for request in requests(UNKNOWN, UNKNOWN) {
        send(&visitor, &request).await.refused(401, "unauthenticated");
        let refused = send(&door, &request).await.refused(403, "forbidden");
        assert_eq!(refused["requiredRole"], "organiser", "{request:?}");
    }
    let (organizer_id, organizer) = setup.auth.administrator(AdminRole::Organiser).await;
    let organizer = organizer.at(&url);
    let webhook = organizer.post("/admin/webhooks", json!({"url": base})).await.expect(201);
    assert_eq!(webhook["createdBy"], organizer_id);
    let mut all = requests(id(&webhook), UNKNOWN);
    all.sort_by_key(|request| request.0 == Method::DELETE);
    for request in all {
        let status = send(&organizer, &request).await.status;
        // No delivery has the unknown id.
        assert!(status < 300 || (status == 404 && request.1.contains("/deliveries/")) || status == 409, "{request:?}: {status}");
    }
    for request in requests(UNKNOWN, UNKNOWN).into_iter().filter(|request| request.1.starts_with("/admin/webhooks/")) {
        send(&organizer, &request).await.refused(404, "webhook-not-found");
    }
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_bad_fields_are_named_at_once() {
    let setup = Setup::new(|_, _| TAKEN, &[]).await;
    let bad = json!({"url": "crm.example", "description": " ", "types": ["booking.confirmed", "booking.celebrated"], "eventId": "x"});
    let refused = setup.admin.post("/admin/webhooks", bad.clone()).await;
    refused.refused(422, "invalid-input");
    assert_eq!(refused.bad_fields(), ["description", "eventId", "types[1]", "url"]);
    let webhook = setup.create("/hook", json!({})).await;
    let path = format!("/admin/webhooks/{}", id(&webhook));
    assert_eq!(setup.admin.patch(&path, bad).await.bad_fields(), ["description", "eventId", "types[1]", "url"]);
    assert_eq!(setup.admin.patch(&path, json!({"url": null, "types": []})).await.bad_fields(), ["types", "url"]);
    setup.admin.post("/admin/webhooks", json!({"link": "https://crm.example/"})).await.refused(400, "unknown-field");
    assert_eq!(setup.admin.post("/admin/webhooks", json!({})).await.bad_fields(), ["url"]);
    let span = json!({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z", "includeDelivered": "yes"});
    assert_eq!(setup.admin.post(&format!("{path}/resend"), span).await.bad_fields(), ["includeDelivered", "until"]);
    let list = setup.admin.get(&format!("{path}/deliveries?status=lost&limit=0&cursor=x")).await;
    assert_eq!(list.bad_fields(), ["cursor", "limit", "status"]);
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_changed_disabled_and_deleted() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let event = Uuid::from_u128(70);
    let more = json!({"description": "CRM", "types": ["booking.confirmed", "booking.confirmed"], "eventId": event});
    let created = setup.create("/hook", more).await;
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!(setup.get(&created).await, expected);
    assert_eq!((&expected["types"], &expected["status"]), (&json!(["booking.confirmed"]), &json!("active")));
    let path = format!("/admin/webhooks/{}", id(&created));
    let changed = setup.admin.patch(&path, json!({"description": null, "types": null})).await.expect(200);
    assert_eq!((&changed["description"], &changed["types"], &changed["eventId"]), (&json!(null), &json!(null), &json!(event)));
    setup.admin.patch(&path, json!({"eventId": null})).await.expect(200);

    let disabled = setup.post(&created, "disable", json!({})).await;
    assert_eq!((&disabled["status"], &disabled["disabledReason"]), (&json!("disabled"), &json!("administrator")));
    assert_eq!(setup.post(&created, "disable", json!({})).await, disabled);
    setup.fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    setup.fixture.settled(1, "sent").await;
    assert!(setup.deliveries(&created).await.is_empty());
    assert_eq!(setup.post(&created, "enable", json!({})).await["status"], "active");
    setup.fixture.publish([about_tickets("booking.confirmed", 2)]).await;
    setup.settled(&created, "delivered").await;

    assert_eq!(setup.admin.send(Method::DELETE, &path, &[], None).await.status, 204);
    setup.admin.get(&path).await.refused(404, "webhook-not-found");
    setup.admin.send(Method::DELETE, &path, &[], None).await.refused(404, "webhook-not-found");
    assert_eq!(setup.admin.get("/admin/webhooks").await.expect(200)["items"], json!([]));
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_stored_sealed_and_a_repeated_request_returns_the_same_one() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let body = json!({"url": setup.receiver.url("/hook")});
    let first = setup.admin.post_with_key("/admin/webhooks", "key", body.clone()).await;
    let second = setup.admin.post_with_key("/admin/webhooks", "key", body.clone()).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(first.json(), second.json());
    let other = json!({"url": setup.receiver.url("/other")});
    setup.admin.post_with_key("/admin/webhooks", "key", other).await.refused(422, "idempotency-key-reused");
    let same = (0..5).map(|_| setup.admin.post_with_key("/admin/webhooks", "at-once", body.clone()));
    let same = futures_util::future::join_all(same).await;
    assert!(same.iter().all(|response| response.expect(201) == same[0].json()), "{same:?}");
    assert_eq!(setup.admin.get("/admin/webhooks").await.expect(200)["items"].as_array().unwrap().len(), 2);
    let secret = first.json()["secret"].as_str().unwrap().to_owned();
    for table in ["webhooks", "idempotency_keys"] {
        let found = format!(
            "DO $$ BEGIN IF EXISTS (SELECT FROM {table} AS t WHERE position('{secret}' IN t::text) > 0) THEN RAISE 'found in {table}'; END IF; END $$"
        );
        setup.fixture.execute(&found).await;
    }
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_pages_and_the_number_of_webhooks_is_limited() {
    let mut setup = Setup::new(|_, _| TAKEN, &[("webhooks.max", "3")]).await;
    let mut webhooks = Vec::new();
    for n in 0..3 {
        webhooks.push(setup.create("/hook", json!({"description": format!("number {n}")})).await);
    }
    let url = setup.receiver.url("/hook");
    setup.admin.post("/admin/webhooks", json!({"url": url})).await.refused(409, "webhook-limit");
    setup.admin.send(Method::DELETE, &format!("/admin/webhooks/{}", id(&webhooks[0])), &[], None).await;
    webhooks.push(setup.create("/hook", json!({"description": "number 3"})).await);

    let pages = async |path: &str, limit: usize| {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = setup.admin.get(&format!("{path}{separator}limit={limit}&cursor={cursor}")).await.expect(200);
            names.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return names,
            }
        }
    };
    let expected: Vec<_> = webhooks.iter().skip(1).rev().map(|webhook| id(webhook).to_owned()).collect();
    assert_eq!(pages("/admin/webhooks", 2).await, expected);

    let mut messages: Vec<_> = (0..5).map(|n| about_tickets("booking.confirmed", n)).collect();
    setup.fixture.publish(messages.clone()).await;
    until("all are delivered", async || {
        setup.deliveries(&webhooks[1]).await.iter().filter(|delivery| delivery["status"] == "delivered").count() == 5
    })
    .await;
    messages.sort_by_key(|message| std::cmp::Reverse(id(message).to_owned()));
    let expected: Vec<_> = messages.iter().map(|message| id(message).to_owned()).collect();
    let path = format!("/admin/webhooks/{}/deliveries", id(&webhooks[1]));
    assert_eq!(pages(&path, 2).await, expected);
    assert_eq!(pages(&format!("{path}?status=delivered"), 3).await, expected);
    assert!(pages(&format!("{path}?status=failed"), 3).await.is_empty());
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_limited_per_minute_and_account() {
    let setup = Setup::new(|_, _| TAKEN, &[("limits.webhooks_per_account", "2")]).await;
    let webhook = setup.create("/hook", json!({})).await;
    setup.post(&webhook, "disable", json!({})).await;
    setup.admin.post(&format!("/admin/webhooks/{}/enable", id(&webhook)), json!({})).await.refused(429, "rate-limited");
    setup.get(&webhook).await;
    let large = vec![b' '; 70_000];
    let other = setup.auth.administrator(AdminRole::Organiser).await.1.at(format!("http://{}", setup.notifier.http_addr().unwrap()));
    other.send(Method::POST, "/admin/webhooks", &[], Some(large)).await.refused(413, "body-too-large");
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_survive_the_replacement_of_the_sealing_key() {
    const NEW_KEY: &str = "fedcba9876543210fedcba9876543210";
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let webhook = setup.create("/hook", json!({})).await;
    let rotated = setup.post(&webhook, "rotatesecret", json!({})).await;
    let both = [("sealing.key", NEW_KEY), ("sealing.old_keys", KEY)];
    let sealed = "SELECT secret AS status, 0 AS attempts, previous_secret AS detail FROM webhooks";
    let before = setup.fixture.rows(sealed).await;
    setup = setup.restarted(&both).await;
    until("the secrets are sealed again", async || setup.fixture.rows(sealed).await != before).await;
    setup = setup.restarted(&[("sealing.key", NEW_KEY)]).await;
    setup.fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    let received = setup.received("/hook", 1).await.swap_remove(0);
    assert_eq!((received.signed_by(&webhook["secret"]), received.signed_by(&rotated["secret"])), (1, 1));
    setup.stop().await;
}
