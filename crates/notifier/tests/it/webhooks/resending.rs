//! Messages that an administrator sends again are sent at once, and in batches if they are many.

use rowlock_test_support::wait::until;
use rowlock_test_support::webhook_receiver::{Reply, TAKEN};
use serde_json::json;

use super::{Setup, id};
use crate::batches::LIMIT_STATEMENTS;
use crate::fixture::about_tickets;

/// Makes webhooks pause for an hour, as after several failures.
const PAUSE: &str = "UPDATE webhooks SET failures = 5, failing_since = now(), last_error = 'why', paused_until = now() + interval '1 hour'";

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_sent_again_at_once_although_the_webhook_pauses() {
    let mut setup = Setup::new(|_, _| Reply::Status(500, ""), &[("webhooks.retry_delays_ms", "3600000")]).await;
    let webhook = setup.create("/hook", json!({})).await;
    setup.fixture.execute(PAUSE).await;
    setup.fixture.publish((0..3).map(|n| about_tickets("waitlist.left", n))).await;
    until("the messages wait", async || setup.deliveries(&webhook).await.len() == 3).await;
    assert!(setup.receiver.received("/hook").is_empty());
    // The newest message is sent before those that wait longer. It fails, and the webhook pauses again.
    let newest = id(&setup.deliveries(&webhook).await[0]).to_owned();
    setup.post(&webhook, &format!("deliveries/{newest}/resend"), json!({})).await;
    assert_eq!(setup.received("/hook", 1).await[0].id, newest);
    until("the attempt is stored", async || setup.deliveries(&webhook).await.iter().any(|delivery| !delivery["error"].is_null())).await;
    assert_eq!(setup.receiver.received("/hook").len(), 1);
    // The same for a span.
    setup.fixture.execute("UPDATE webhook_deliveries SET status = 'failed', due_at = NULL, settled_at = now(), error = 'why'").await;
    setup.fixture.execute(PAUSE).await;
    assert_eq!(setup.post(&webhook, "resend", json!({"since": "2026-01-01T00:00:00Z"})).await["resent"], 3);
    setup.received("/hook", 2).await;
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_began_before_does_not_delay_a_message_that_is_sent_again() {
    let script = |_: &str, earlier| if earlier == 0 { Reply::Hang } else { TAKEN };
    let mut setup = Setup::new(script, &[("webhooks.retry_delays_ms", "3600000"), ("webhooks.timeout_ms", "2000")]).await;
    let webhook = setup.create("/hook", json!({})).await;
    // One request at a time, and the next failure leads to a pause.
    setup.fixture.execute("UPDATE webhooks SET failures = 5, failing_since = now(), last_error = 'why'").await;
    setup.fixture.publish([about_tickets("waitlist.left", 1)]).await;
    setup.received("/hook", 1).await;
    let failed = "INSERT INTO webhook_deliveries (webhook_id, message_id, type, happened_at, body, status, settled_at, error)
                  SELECT webhook_id, gen_random_uuid(), type, happened_at, body, 'failed', now(), 'why' FROM webhook_deliveries";
    setup.fixture.execute(failed).await;
    assert_eq!(setup.post(&webhook, "resend", json!({"since": "2026-01-01T00:00:00Z"})).await["resent"], 1);
    setup.received("/hook", 2).await;
    setup.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_are_sent_again_and_let_fail_in_batches() {
    let mut setup = Setup::new(|_, _| TAKEN, &[]).await;
    let webhook = setup.create("/hook", json!({})).await;
    setup.fixture.execute(LIMIT_STATEMENTS).await;
    let failed = "INSERT INTO webhook_deliveries (webhook_id, message_id, type, happened_at, body, status, queued_at, settled_at, error)
                  SELECT id, gen_random_uuid(), 'waitlist.left', now(), '{}', 'failed', now() - interval '1 hour', now(), 'why'
                  FROM webhooks, generate_series(1, 11000)";
    setup.fixture.execute(failed).await;
    // Nothing is sent in the meantime.
    setup.fixture.execute("UPDATE webhooks SET url = 'http://127.0.0.1:1/'").await;
    let path = format!("/admin/webhooks/{}/resend", id(&webhook));
    let span = json!({"since": "2026-01-01T00:00:00Z"}).to_string().into_bytes();
    let key = [("idempotency-key", "once")];
    for _ in 0..2 {
        let resent = setup.admin.send(reqwest::Method::POST, &path, &key, Some(span.clone())).await.expect(200);
        assert_eq!(resent["resent"], 11_000);
    }
    // Of the pending messages of a disabled webhook, housekeeping lets those fail that are more than a batch.
    setup.post(&webhook, "disable", json!({})).await;
    let pending = "SELECT 'x' AS status, 0 AS attempts, NULL AS detail FROM webhook_deliveries WHERE status = 'pending' LIMIT 1";
    until("no message is pending", async || setup.fixture.rows(pending).await.is_empty()).await;
    setup.stop().await;
}
