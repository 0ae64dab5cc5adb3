//! The schema: its migrations, and the states that it refuses.

use diesel_async::SimpleAsyncConnection;
use rowlock_postgres::{migrate, revert_all};
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::templates::{NotifierTemplate, migration_texts};

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_can_be_reverted_and_applied_again() {
    let database = TestDatabase::new(&NotifierTemplate).await;
    revert_all(&database.owner_url(), notifier::MIGRATIONS).await.unwrap();
    let applied = migrate(&database.owner_url(), &database.service_url(), notifier::MIGRATIONS).await.unwrap();
    assert_eq!(applied.len(), migration_texts("notifier").len());
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_states_are_refused() {
    let database = TestDatabase::new(&NotifierTemplate).await;
    let mut conn = database.admin().await;
    let insert = |values: &str| {
        format!(
            "INSERT INTO deliveries (message_id, recipient, channel, kind, data, urgent, status, attempts, due_at, claimed_at, settled_at, detail)
             VALUES (gen_random_uuid(), gen_random_uuid(), 'email', 'confirmed', '{{}}', false, {values})"
        )
    };
    for possible in [
        "'pending', 0, now(), NULL, NULL, NULL",
        "'sending', 1, NULL, now(), NULL, NULL",
        "'sent', 1, NULL, NULL, now(), NULL",
        "'skipped', 0, NULL, NULL, now(), 'why'",
    ] {
        conn.batch_execute(&insert(possible)).await.unwrap();
    }
    for impossible in [
        "'pending', 0, NULL, NULL, NULL, NULL",
        "'pending', 0, now(), now(), NULL, NULL",
        "'sending', 0, now(), now(), NULL, NULL",
        "'sending', 0, NULL, NULL, NULL, NULL",
        "'sent', 0, NULL, NULL, now(), NULL",
        "'sent', 1, NULL, NULL, NULL, NULL",
        "'failed', 1, NULL, NULL, now(), NULL",
        "'unclear', 0, NULL, NULL, now(), 'why'",
        "'lost', 1, NULL, NULL, now(), 'why'",
    ] {
        let error = conn.batch_execute(&insert(impossible)).await.unwrap_err().to_string();
        assert!(error.contains("violates check constraint"), "{impossible}: {error}");
    }
    drop(conn);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_broadcasts_are_refused() {
    let database = TestDatabase::new(&NotifierTemplate).await;
    let mut conn = database.admin().await;
    let insert = |values: &str| {
        format!(
            "INSERT INTO broadcasts (message_id, event_id, kind, starts_at, event_version, previous, status, due_at, settled_at, detail)
             VALUES (gen_random_uuid(), gen_random_uuid(), {values})"
        )
    };
    for possible in [
        "'reminder', now(), NULL, NULL, 'pending', now(), NULL, NULL",
        "'event-changed', NULL, 2, '{}', 'done', NULL, now(), NULL",
        "'event-changed', NULL, 2, '{}', 'skipped', NULL, now(), 'why'",
    ] {
        conn.batch_execute(&insert(possible)).await.unwrap();
    }
    for impossible in [
        "'reminder', NULL, NULL, NULL, 'pending', now(), NULL, NULL",
        "'reminder', now(), 2, '{}', 'pending', now(), NULL, NULL",
        "'event-changed', NULL, 2, NULL, 'pending', now(), NULL, NULL",
        "'event-changed', NULL, NULL, '{}', 'pending', now(), NULL, NULL",
        "'event-changed', NULL, 2, '[]', 'pending', now(), NULL, NULL",
        "'reminder', now(), NULL, NULL, 'pending', NULL, NULL, NULL",
        "'reminder', now(), NULL, NULL, 'done', now(), now(), NULL",
        "'reminder', now(), NULL, NULL, 'done', NULL, NULL, NULL",
        "'reminder', now(), NULL, NULL, 'skipped', NULL, now(), NULL",
        "'party', now(), NULL, NULL, 'pending', now(), NULL, NULL",
    ] {
        let error = conn.batch_execute(&insert(impossible)).await.unwrap_err().to_string();
        assert!(error.contains("violates check constraint"), "{impossible}: {error}");
    }
    drop(conn);
    database.close().await;
}
