//! Targets in private networks are refused.

use rowlock_test_support::wait::until;
use rowlock_test_support::webhook_receiver::TAKEN;
use serde_json::json;

use super::{Setup, id};
use crate::fixture::about_tickets;

#[tokio::test(flavor = "multi_thread")]
async fn private_targets_are_refused_when_they_are_set_and_when_they_are_used() {
    let mut setup = Setup::new(|_, _| TAKEN, &[("webhooks.allow_private_targets", "false"), ("webhooks.retry_delays_ms", "3600000")]).await;
    let port = setup.receiver.url("").rsplit(':').next().unwrap().to_owned();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let refused = setup.admin.post("/admin/webhooks", json!({"url": url})).await;
        refused.refused(422, "invalid-input");
        assert_eq!(refused.bad_fields(), ["url"], "{url}");
    }
    let webhook = setup.admin.post("/admin/webhooks", json!({"url": "https://crm.invalid/"})).await.expect(201);
    // As if the setting had been different before.
    for (n, (url, error)) in [
        (format!("https://127.0.0.1:{port}/"), "the URL must lead to an address in the public Internet"),
        (format!("http://127.0.0.1:{port}/"), "the URL must begin with https://"),
        (format!("https://ip6-localhost.localhost:{port}/"), "the URL must lead to an address in the public Internet"),
    ]
    .into_iter()
    .enumerate()
    {
        setup.fixture.execute(&format!("UPDATE webhooks SET url = '{url}'")).await;
        let message = about_tickets("booking.confirmed", n.try_into().unwrap());
        let path = format!("/admin/webhooks/{}/deliveries?limit=100", id(&webhook));
        setup.fixture.publish([message.clone()]).await;
        until(&format!("{url} was refused"), async || {
            let page = setup.admin.get(&path).await.expect(200);
            page["items"].as_array().unwrap().iter().any(|delivery| delivery["id"] == message["id"] && delivery["error"] == error)
        })
        .await;
    }
    assert!(setup.receiver.received("/").is_empty());
    setup.stop().await;
}
