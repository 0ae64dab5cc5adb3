//! Removing what has served its time. Safe to run in any number of places at once.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_postgres::statement;

statement! {
    /// Answers to requests that are too old to be repeated.
    struct ForgetKeys { limit: BigInt = i64 }
    "DELETE FROM idempotency_keys WHERE (event_id, account_id, key) IN
       (SELECT event_id, account_id, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT $1)"
}

statement! {
    /// Proofs of commits that nobody can still be looking for.
    struct ForgetBatches { limit: BigInt = i64 }
    "DELETE FROM committed_batches WHERE (event_id, id) IN
       (SELECT event_id, id FROM committed_batches WHERE committed_at < now() - interval '5 minutes' LIMIT $1)"
}

/// Removes old idempotency keys and old proofs, at most `limit` of each. Returns the larger number: if `limit`, there may
/// be more.
pub async fn tidy(conn: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    let keys = ForgetKeys { limit }.execute(conn).await?;
    let batches = ForgetBatches { limit }.execute(conn).await?;
    Ok(keys.max(batches))
}
