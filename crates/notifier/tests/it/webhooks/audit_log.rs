//! Changes of webhooks in the audit log: one entry for each, however often the request is repeated.

use reqwest::Method;
use rowlock_test_support::wait::until;
use rowlock_test_support::webhook_receiver::TAKEN;
use serde_json::{Value, json};

use super::{Setup, id};

/// Returns the entries of the notifier among messages for booking-service.
pub(super) async fn entries(setup: &Setup, log: &mut rowlock_test_support::broker::MessageLog, count: usize) -> Vec<Value> {
    let mut entries = Vec::new();
    while entries.len() < count {
        let message: Value = serde_json::from_slice(&log.next().await.body).unwrap();
        if message["type"] == "audit.recorded" && message["source"] == "/rowlock/notifier" {
            entries.push(message["data"].clone());
        }
    }
    let queue = setup.fixture.broker.accounts().work_queue;
    until("booking-service gets them", async || setup.fixture.broker.depth(&queue).await >= Some(u32::try_from(count).unwrap())).await;
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_a_webhook_is_recorded_once() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let mut log = setup.fixture.broker.tap().await;
    let url = setup.receiver.url("/a-secret-path");
    let body = json!({"url": url, "description": "CRM", "types": ["booking.confirmed"]});
    let webhook = setup.admin.post_with_key("/admin/webhooks", "key", body.clone()).await.expect(201);
    setup.admin.post_with_key("/admin/webhooks", "key", body).await.expect(201);
    let path = format!("/admin/webhooks/{}", id(&webhook));
    for _ in 0..2 {
        setup.admin.patch(&path, json!({"description": "ERP", "types": null})).await.expect(200);
        setup.post(&webhook, "disable", json!({})).await;
    }
    for _ in 0..2 {
        setup.post(&webhook, "enable", json!({})).await;
    }
    setup.post(&webhook, "rotatesecret", json!({"revokePrevious": true})).await;
    setup.admin.send(Method::DELETE, &path, &[], None).await;
    setup.admin.send(Method::DELETE, &path, &[], None).await.refused(404, "webhook-not-found");

    let entries = entries(&setup, &mut log, 6).await;
    let recorded: Vec<_> = entries.iter().map(|entry| (entry["action"].as_str().unwrap(), entry["details"].clone())).collect();
    let expected = [
        ("webhook.create", json!({"host": "127.0.0.1", "description": "CRM", "types": ["booking.confirmed"]})),
        ("webhook.change", json!({"description": {"from": "CRM", "to": "ERP"}, "types": {"from": ["booking.confirmed"], "to": null}})),
        ("webhook.disable", json!({})),
        ("webhook.enable", json!({})),
        ("webhook.rotate", json!({"revokedPrevious": true})),
        ("webhook.delete", json!({})),
    ];
    assert_eq!(recorded, expected);
    for entry in &entries {
        assert_eq!((&entry["subject"], &entry["actor"]["role"]), (&webhook["id"], &json!("admin")));
        assert_eq!(entry["actor"]["accountId"], webhook["createdBy"]);
        assert!(entry["actor"]["requestId"].is_string());
    }
    until("the outbox is empty", async || {
        setup.fixture.rows("SELECT routing_key AS status, 0 AS attempts, payload AS detail FROM outbox").await.is_empty()
    })
    .await;
    setup.stop().await;
}
