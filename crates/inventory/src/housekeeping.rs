//! Deletion of expired rows. It is safe to run concurrently.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_postgres::statement;

use crate::transfers::end_lapsed;

statement! {
    /// Deletes stored responses that are more than 24 hours old.
    struct DeleteExpiredKeys { limit: BigInt = i64 }
    "DELETE FROM idempotency_keys WHERE (event_id, account_id, key) IN
       (SELECT event_id, account_id, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT $1)"
}

statement! {
    /// Deletes commit markers that are more than 5 minutes old, when no lost commit can still be under investigation.
    struct DeleteExpiredMarkers { limit: BigInt = i64 }
    "DELETE FROM committed_batches WHERE (event_id, id) IN
       (SELECT event_id, id FROM committed_batches WHERE committed_at < now() - interval '5 minutes' LIMIT $1)"
}

/// Deletes expired idempotency keys and commit markers, and ends transfers that have lapsed, at most `limit` of each. Returns the
/// largest of the numbers; if it equals `limit`, there may be more.
pub async fn delete_expired(conn: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    let keys = DeleteExpiredKeys { limit }.execute(conn).await?;
    let batches = DeleteExpiredMarkers { limit }.execute(conn).await?;
    let transfers = end_lapsed(conn, limit).await?;
    Ok(keys.max(batches).max(transfers))
}
