//! Requests about webhooks and mails, for the other tests.

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowlock_test_support::client::Client;
use rowlock_test_support::system::System;
use serde_json::{Value, json};

use crate::repeats::Repeatable;

/// Creates a webhook and returns its id.
async fn create_webhook(client: &Client) -> String {
    let created = client.post("/admin/webhooks", json!({"url": "https://crm.example/"})).await.expect(201);
    created["id"].as_str().unwrap().to_owned()
}

/// Returns a client for an example, after inserting the id of a webhook into its path.
pub(crate) async fn prepare_webhook(system: &System, path: &mut String) -> Client {
    let client = system.admin().client.at(system.notifier().await.url());
    if path.contains("{webhookId}") {
        *path = path.replace("{webhookId}", &create_webhook(&client).await);
    }
    client
}

/// Returns a client for an example about a mail, after storing a mail to its recipient that failed, and inserting the id of the
/// message into its path.
pub(crate) async fn prepare_mail_to_resend(system: &System, path: &mut String, body: &Value) -> Client {
    let notifier = system.notifier().await;
    let id = body["recipient"].as_str().unwrap();
    // An earlier request may have had it sent again.
    let insert = format!(
        "INSERT INTO deliveries (message_id, recipient, channel, kind, data, urgent, status, attempts, settled_at, detail)
         VALUES ('{id}', '{id}', 'email', 'confirmed', '{{}}', false, 'failed', 1, now(), 'a test')
         ON CONFLICT (message_id, recipient, channel) DO UPDATE
         SET status = 'failed', attempts = 1, due_at = NULL, claimed_at = NULL, settled_at = now(), detail = 'a test'"
    );
    notifier.database.admin().await.batch_execute(&insert).await.unwrap();
    *path = path.replace("{messageId}", id);
    system.admin().client.at(notifier.url())
}

/// Builds the requests about webhooks that have no body.
pub(crate) async fn webhook_requests(system: &System) -> Vec<Repeatable> {
    const MESSAGE: &str = "01920000-0000-7000-8000-000000000000";
    let notifier = system.notifier().await;
    let client = system.admin().client.at(notifier.url());
    let mut all = Vec::new();
    for (id, method, action, success) in [
        ("enableWebhook", Method::POST, "/enable".to_owned(), 200),
        ("disableWebhook", Method::POST, "/disable".to_owned(), 200),
        ("deleteWebhook", Method::DELETE, String::new(), 204),
        ("resendWebhookDelivery", Method::POST, format!("/deliveries/{MESSAGE}/resend"), 200),
    ] {
        let webhook = create_webhook(&client).await;
        let path = format!("/admin/webhooks/{webhook}");
        if id == "enableWebhook" {
            client.post(&format!("{path}/disable"), json!({})).await.expect(200);
        }
        let insert = format!(
            "INSERT INTO webhook_deliveries (webhook_id, message_id, type, happened_at, body, status, settled_at, error)
             VALUES ('{webhook}', '{MESSAGE}', 'event.created', now(), '{{}}', 'failed', now(), 'a test')"
        );
        notifier.database.admin().await.batch_execute(&insert).await.unwrap();
        all.push(Repeatable { id, client: client.clone(), method, path: format!("{path}{action}"), body: None, success });
    }
    all
}
