//! Commands on webhooks, against a server with prescribed responses.

use serde_json::json;

use crate::fake_server::{FakeServer, problem, response};

const ID: &str = "01920000-0000-7000-8000-000000000001";
const DELIVERY: &str = "01920000-0000-7000-8000-000000000002";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// Returns the response with a webhook, with its secret if there is one.
fn webhook(status: u16, secret: Option<&str>) -> String {
    let mut document = json!({
        "id": ID, "url": "https://crm.example/\u{1b}[31m", "description": null, "types": ["booking.confirmed", "event.created"],
        "eventId": null, "status": "failing", "failingSince": "2026-11-02T09:30:00Z", "lastError": "the receiver responded 500",
        "disabledAt": null, "disabledReason": null, "previousSecretUntil": null, "createdBy": ID, "createdAt": "2026-11-01T08:00:00Z"
    });
    if let Some(secret) = secret {
        document["secret"] = secret.into();
    }
    response(status, "application/json", &document.to_string())
}

/// Returns the response with a page of one item.
fn page(item: &str) -> String {
    let item = item.split("\r\n\r\n").nth(1).unwrap();
    response(200, "application/json", &format!("{{\"items\": [{item}], \"nextCursor\": null}}"))
}

#[tokio::test]
async fn webhooks_are_listed_and_shown_without_secrets() {
    let shown = webhook(200, None);
    let server = FakeServer::start(vec![("GET /admin/webhooks?", page(&shown)), ("GET /admin/webhooks/", shown)]).await;
    let home = server.home().await;
    for arguments in [&["webhooks", "list"][..], &["webhooks", "show", ID]] {
        let table = home.run(&[arguments, &["--url", server.url()]].concat()).await.ok();
        for word in [ID, "booking.confirmed,event.created", " all ", "failing since 2026-11-02 09:30:00Z: the receiver responded 500"] {
            assert!(table.contains(word), "{word} is not in: {table}");
        }
        assert!(!table.contains('\u{1b}'), "{table:?}");
        let document = home.run(&[arguments, &["--json", "--url", server.url()]].concat()).await.json();
        assert_eq!((&document["id"], &document["status"]), (&ID.into(), &"failing".into()));
    }
    let empty = response(200, "application/json", r#"{"items": [], "nextCursor": null}"#);
    let server = FakeServer::start(vec![("GET /admin/webhooks?", empty)]).await;
    let home = server.home().await;
    assert_eq!(home.run(&["webhooks", "list", "--url", server.url()]).await.ok(), "There are no webhooks.\n");
}

#[tokio::test]
async fn secrets_are_printed_when_they_are_made() {
    let body = r#""types":["booking.confirmed","event.created"]"#;
    let server = FakeServer::start(vec![
        (body, webhook(201, Some(SECRET))),
        (r#"{"revokePrevious":true}"#, webhook(200, Some(SECRET))),
        ("POST", problem(422, "invalid-input", "The body is invalid.")),
    ])
    .await;
    let home = server.home().await;
    let create = ["webhooks", "create", "https://crm.example/", "--types", "booking.confirmed,event.created", "--url", server.url()];
    let text = home.run(&create).await.ok();
    assert!(text.contains(&format!("Webhook {ID} is created.")) && text.ends_with(&format!("\n{SECRET}\n")), "{text}");
    assert_eq!(home.run(&[&create[..], &["--json"]].concat()).await.json()["secret"], SECRET);
    let rotate = ["webhooks", "rotate-secret", ID, "--url", server.url()];
    home.run(&rotate).await.failed(7, "The body is invalid.");
    let text = home.run(&[&rotate[..], &["--revoke-previous"]].concat()).await.ok();
    assert!(text.contains("has a new secret") && text.ends_with(&format!("\n{SECRET}\n")), "{text}");

    // If the response is lost, the webhook may exist.
    let silent = FakeServer::start(Vec::new()).await;
    let home = silent.home().await;
    home.run(&["webhooks", "create", "https://crm.example/", "--url", silent.url()]).await.failed(9, "may have taken effect");
}

#[tokio::test]
async fn a_secret_whose_response_is_lost_is_fetched_with_the_same_key() {
    let rotate = ["webhooks", "rotate-secret", ID, "--url"];
    let server = FakeServer::losing(1, vec![("/rotatesecret HTTP", webhook(200, Some(SECRET)))]).await;
    let home = server.home().await;
    let text = home.run(&[&rotate[..], &[server.url()]].concat()).await.ok();
    assert!(text.ends_with(&format!("\n{SECRET}\n")), "{text}");
    let keys = server.headers("idempotency-key");
    assert!(keys.len() == 2 && keys[0].is_some() && keys[0] == keys[1], "{keys:?}");

    // If all responses are lost, the message says how to get the secret after all.
    let silent = FakeServer::start(Vec::new()).await;
    silent.has_login_of(&home, server.url());
    let error = home.run(&[&rotate[..], &[silent.url()]].concat()).await.failed(9, "may have taken effect");
    let key = silent.headers("idempotency-key").swap_remove(0).unwrap();
    assert!(error.contains(&format!("--idempotency-key {key}")), "{error}");
    let server = FakeServer::start(vec![("/rotatesecret HTTP", webhook(200, Some(SECRET)))]).await;
    server.has_login_of(&home, silent.url());
    home.run(&[&rotate[..], &[server.url(), "--idempotency-key", &key]].concat()).await.ok();
    assert_eq!(server.headers("idempotency-key"), [Some(key)]);
}

#[tokio::test]
async fn a_webhook_is_changed_switched_and_deleted() {
    let done = webhook(200, None);
    let changed = r#"{"description":null,"eventId":null,"types":["event.created"],"url":"https://new.example/"}"#;
    let server = FakeServer::start(vec![
        (changed, done.clone()),
        ("/enable HTTP", done.clone()),
        ("/disable HTTP", done),
        ("DELETE /admin/webhooks/", response(204, "application/json", "")),
    ])
    .await;
    let home = server.home().await;
    let run = async |arguments: &[&str]| home.run(&[&["webhooks"], arguments, &["--url", server.url()]].concat()).await;
    let change = ["change", ID, "--address", "https://new.example/", "--no-description", "--types", "event.created", "--all-events"];
    assert_eq!(run(&change).await.ok(), format!("Webhook {ID} is changed.\n"));
    assert!(run(&["enable", ID]).await.ok().contains("is enabled"));
    assert!(run(&["disable", ID]).await.ok().contains("is disabled"));
    run(&["delete", ID]).await.failed(2, "--yes");
    assert_eq!(run(&["delete", ID, "--yes"]).await.ok(), format!("Webhook {ID} is deleted.\n"));
    assert_eq!(run(&["delete", ID, "--yes", "--json"]).await.json()["deleted"], true);
}

#[tokio::test]
async fn deliveries_are_listed_and_sent_again() {
    let delivery = json!({
        "id": DELIVERY, "type": "booking.confirmed", "status": "failed", "attempts": 9, "createdAt": "2026-11-01T10:15:00Z",
        "nextAttemptAt": null, "settledAt": "2026-11-02T10:15:00Z", "payload": {}, "error": "no response within 15s", "lastAttempt": null
    });
    let delivery = response(200, "application/json", &delivery.to_string());
    let span = r#"{"includeDelivered":true,"since":"2026-11-01T00:00:00Z","until":"2026-11-01T12:00:00Z"}"#;
    let server = FakeServer::start(vec![
        ("/deliveries?status=failed&", page(&delivery)),
        ("/deliveries/01920000-0000-7000-8000-000000000002/resend", delivery),
        (span, response(200, "application/json", r#"{"resent": 1}"#)),
        ("/resend", problem(409, "webhook-disabled", "The webhook is disabled.")),
        ("GET", problem(404, "webhook-not-found", "There is no such webhook.")),
    ])
    .await;
    let home = server.home().await;
    let run = async |arguments: &[&str]| home.run(&[&["webhooks"], arguments, &["--url", server.url()]].concat()).await;
    let table = run(&["deliveries", ID, "--status", "failed"]).await.ok();
    for word in [DELIVERY, "booking.confirmed", "2026-11-01 10:15:00Z", "failed", "no response within 15s"] {
        assert!(table.contains(word), "{word} is not in: {table}");
    }
    assert_eq!(run(&["resend", ID, DELIVERY]).await.ok(), format!("Message {DELIVERY} is being sent again.\n"));
    let resend = ["resend", ID, "--since", "2026-11-01", "--until", "2026-11-01T12:00:00Z", "--include-delivered"];
    assert_eq!(run(&resend).await.ok(), "1 message is being sent again.\n");
    run(&["resend", ID, "--since", "2026-11-01"]).await.failed(7, "Enable it with: rowlockctl webhooks enable");
    run(&["show", ID]).await.failed(6, "List the webhooks with: rowlockctl webhooks list");
    run(&["deliveries", ID, "--status", "lost"]).await.failed(2, "pending");
}
