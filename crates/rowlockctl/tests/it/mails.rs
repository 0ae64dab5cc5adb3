//! Commands on mails, against a server with prescribed responses.

use serde_json::json;

use crate::fake_server::{FakeServer, problem, response};

const MESSAGE: &str = "01920000-0000-7000-8000-000000000001";
const RECIPIENT: &str = "01920000-0000-7000-8000-000000000002";

#[tokio::test]
async fn mails_are_listed_and_sent_again() {
    let mail = json!({
        "messageId": MESSAGE, "recipient": RECIPIENT, "kind": "event-changed", "status": "unclear", "attempts": 9,
        "createdAt": "2026-11-01T10:15:00Z", "nextAttemptAt": null, "settledAt": "2026-11-02T10:15:00Z", "reason": "lost \u{1b}[31m"
    });
    let page = |items: &[&serde_json::Value]| response(200, "application/json", &json!({"items": items, "nextCursor": null}).to_string());
    let server = FakeServer::start(vec![
        ("GET /admin/deliveries?status=failed&", page(&[])),
        ("GET /admin/deliveries?limit=", page(&[&mail])),
        (r#"{"recipient":"01920000-0000-7000-8000-000000000002"}"#, response(200, "application/json", &mail.to_string())),
        (r#"{"recipient":"01920000-0000-7000-8000-000000000001"}"#, problem(404, "delivery-not-found", "There is no such mail.")),
        ("POST", problem(409, "delivery-not-failed", "The mail is sent.")),
    ])
    .await;
    let home = server.home().await;
    let run = async |arguments: &[&str]| home.run(&[&["mails"], arguments, &["--url", server.url()]].concat()).await;
    let table = run(&["list"]).await.ok();
    for word in [MESSAGE, RECIPIENT, "event-changed", "2026-11-01 10:15:00Z", "unclear", " 9 ", "lost"] {
        assert!(table.contains(word), "{word} is not in: {table}");
    }
    assert!(!table.contains('\u{1b}'), "{table:?}");
    assert_eq!(run(&["list", "--json"]).await.json()["reason"], "lost \u{1b}[31m");
    assert_eq!(run(&["list", "--status", "failed"]).await.ok(), "No mails match.\n");
    run(&["list", "--status", "lost"]).await.failed(2, "unclear");

    let sent = format!("The mail about message {MESSAGE} to {RECIPIENT} is being sent again.\n");
    assert_eq!(run(&["resend", MESSAGE, RECIPIENT]).await.ok(), sent);
    let keys = server.headers("idempotency-key");
    assert!(keys.last().is_some_and(Option::is_some), "{keys:?}");
    assert_eq!(run(&["resend", MESSAGE, RECIPIENT, "--json"]).await.json()["messageId"], MESSAGE);
    run(&["resend", MESSAGE, MESSAGE]).await.failed(6, "rowlockctl mails list");
    run(&["resend", MESSAGE, &RECIPIENT.replace("0002", "0003")]).await.failed(7, "The mail is sent.");
    run(&["resend", MESSAGE]).await.failed(2, "RECIPIENT");
}

#[tokio::test]
async fn a_mail_whose_response_is_lost_is_sent_again_with_the_same_key() {
    let mail = response(200, "application/json", &json!({"messageId": MESSAGE, "recipient": RECIPIENT}).to_string());
    let server = FakeServer::losing(1, vec![("/resend HTTP", mail)]).await;
    let home = server.home().await;
    home.run(&["mails", "resend", MESSAGE, RECIPIENT, "--url", server.url()]).await.ok();
    let keys = server.headers("idempotency-key");
    assert!(keys.len() == 2 && keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
}
