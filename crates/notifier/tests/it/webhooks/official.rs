//! The official library for Python verifies our requests.

use std::process::Command;

use rowlock_test_support::webhook_receiver::TAKEN;
use serde_json::json;

use super::Setup;
use crate::fixture::{about_tickets, python};

const VERIFY: &str = "
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError
given = json.load(sys.stdin)
for secret in given['secrets']:
    assert Webhook(secret).verify(given['body'], given['headers']) == json.loads(given['body'])
wrong = {'webhook-id': 'another', 'webhook-timestamp': '1700000000', 'webhook-signature': 'v1,' + 'A' * 43 + '='}
for name, value in wrong.items():
    try:
        Webhook(given['secrets'][0]).verify(given['body'], {**given['headers'], name: value})
        sys.exit(f'a wrong {name} is accepted')
    except WebhookVerificationError:
        pass
print('verified')
";

#[tokio::test(flavor = "multi_thread")]
async fn the_official_library_verifies_a_request() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let webhook = setup.create("/hook", json!({})).await;
    let rotated = setup.post(&webhook, "rotatesecret", json!({})).await;
    setup.fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    let received = setup.received("/hook", 1).await.swap_remove(0);
    let input = json!({
        "secrets": [webhook["secret"], rotated["secret"]],
        "body": received.body,
        "headers": {"webhook-id": received.id, "webhook-timestamp": received.timestamp, "webhook-signature": received.signature},
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), input.to_string()).unwrap();
    let output = Command::new(python()).args(["-c", VERIFY]).stdin(file.reopen().unwrap()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "verified", "{}", String::from_utf8_lossy(&output.stderr));
    setup.stop().await;
}
