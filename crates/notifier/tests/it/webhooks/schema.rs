//! The states of webhooks and their deliveries that the schema refuses.

use diesel_async::SimpleAsyncConnection;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::templates::NotifierTemplate;

#[tokio::test(flavor = "multi_thread")]
async fn impossible_states_of_webhooks_are_refused() {
    let database = TestDatabase::new(&NotifierTemplate).await;
    let mut conn = database.admin().await;
    let webhook = |values: &str| {
        format!(
            "INSERT INTO webhooks (id, url, secret, created_by, previous_secret, previous_secret_until, failures, failing_since, last_error,
                 paused_until, disabled_at, disabled_reason)
             VALUES (gen_random_uuid(), 'https://crm.example', 'sealed', gen_random_uuid(), {values})"
        )
    };
    let delivery = |values: &str| {
        format!(
            "INSERT INTO webhook_deliveries (webhook_id, message_id, type, happened_at, body, status, due_at, claimed_at, settled_at, attempted_at,
                 request_url, duration_ms, response_status, error)
             SELECT id, gen_random_uuid(), 'event.created', now(), '{{}}', {values} FROM webhooks LIMIT 1"
        )
    };
    for possible in [
        webhook("NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL"),
        webhook("'old', now(), 7, now(), 'why', now(), now(), 'failing'"),
        delivery("'pending', now(), NULL, NULL, NULL, NULL, NULL, NULL, NULL"),
        delivery("'sending', NULL, now(), NULL, now(), 'u', 1, 500, 'why'"),
        delivery("'delivered', NULL, NULL, now(), now(), 'u', 1, 204, NULL"),
        delivery("'failed', NULL, NULL, now(), NULL, NULL, NULL, NULL, 'why'"),
    ] {
        conn.batch_execute(&possible).await.unwrap();
    }
    for impossible in [
        webhook("'old', NULL, 0, NULL, NULL, NULL, NULL, NULL"),
        webhook("NULL, NULL, 1, NULL, 'why', NULL, NULL, NULL"),
        webhook("NULL, NULL, 1, now(), NULL, NULL, NULL, NULL"),
        webhook("NULL, NULL, 0, NULL, NULL, now(), NULL, NULL"),
        webhook("NULL, NULL, 0, NULL, NULL, NULL, now(), NULL"),
        webhook("NULL, NULL, 0, NULL, NULL, NULL, now(), 'bored'"),
        delivery("'pending', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"),
        delivery("'sending', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"),
        delivery("'delivered', NULL, NULL, now(), NULL, NULL, NULL, NULL, NULL"),
        delivery("'delivered', NULL, NULL, now(), now(), 'u', 1, 302, NULL"),
        delivery("'delivered', NULL, NULL, NULL, now(), 'u', 1, 200, NULL"),
        delivery("'failed', NULL, NULL, now(), NULL, NULL, NULL, NULL, NULL"),
        delivery("'failed', NULL, NULL, now(), now(), NULL, NULL, NULL, 'why'"),
        delivery("'failed', NULL, NULL, now(), NULL, NULL, NULL, 500, 'why'"),
    ] {
        let error = conn.batch_execute(&impossible).await.unwrap_err().to_string();
        assert!(error.contains("violates check constraint"), "{impossible}: {error}");
    }
    drop(conn);
    database.close().await;
}
