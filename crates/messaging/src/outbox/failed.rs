//! Listing and replaying failed messages: rows that the relay moved to `outbox_failed`.

use diesel::{ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_postgres::DatabaseError;
use uuid::Uuid;

use super::rows::{NewOutboxRow, outbox, outbox_failed};

/// Number of rows that are moved per transaction.
const REPLAY_BATCH: i64 = 500;

/// A row that the broker rejected too often.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = outbox_failed, check_for_backend(diesel::pg::Pg))]
pub struct FailedRow {
    /// The id that the row had in the outbox.
    pub id: i64,
    /// The ticketing event that the message belongs to.
    pub event_id: Uuid,
    /// The message id, which stays the same when the message is replayed.
    pub message_id: Uuid,
    /// The routing key that the message is published with.
    pub routing_key: String,
    /// The message body.
    pub payload: String,
    /// Time of the reported change.
    pub occurred_at: Timestamp,
    /// Time at which the row was moved to `outbox_failed`.
    pub failed_at: Timestamp,
    /// Number of failed publish attempts.
    pub attempts: i32,
    /// The reason why the last attempt failed.
    pub reason: String,
}

/// Returns up to `limit` failed rows, oldest first.
pub async fn list(conn: &mut AsyncPgConnection, limit: u32) -> Result<Vec<FailedRow>, DatabaseError> {
    let query = outbox_failed::table.order(outbox_failed::id).limit(i64::from(limit)).select(FailedRow::as_select());
    Ok(query.load(conn).await?)
}

/// Moves all current failed rows to the end of the outbox, keeping their order, and returns how many were moved. An
/// interrupted replay can be repeated.
pub async fn replay(conn: &mut AsyncPgConnection) -> Result<usize, DatabaseError> {
    let last: Option<i64> = outbox_failed::table.select(diesel::dsl::max(outbox_failed::id)).first(conn).await?;
    let Some(last) = last else { return Ok(0) };
    let mut moved = 0;
    loop {
        let count = conn.transaction(async move |conn| replay_chunk(conn, last).await).await?;
        if count == 0 {
            return Ok(moved);
        }
        moved += count;
    }
}

async fn replay_chunk(conn: &mut AsyncPgConnection, last: i64) -> diesel::QueryResult<usize> {
    let rows: Vec<FailedRow> = outbox_failed::table
        .filter(outbox_failed::id.le(last))
        .order(outbox_failed::id)
        .limit(REPLAY_BATCH)
        .select(FailedRow::as_select())
        .load(conn)
        .await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    // Only the rows that this transaction deleted are moved, so that two concurrent replays do not move a row twice.
    let deleted: Vec<i64> =
        diesel::delete(outbox_failed::table.filter(outbox_failed::id.eq_any(ids))).returning(outbox_failed::id).get_results(conn).await?;
    let replayed: Vec<NewOutboxRow> = rows
        .into_iter()
        .filter(|row| deleted.contains(&row.id))
        .map(|row| NewOutboxRow {
            event_id: row.event_id,
            message_id: row.message_id,
            routing_key: row.routing_key,
            payload: row.payload,
            occurred_at: row.occurred_at,
        })
        .collect();
    if !replayed.is_empty() {
        diesel::insert_into(outbox::table).values(&replayed).execute(conn).await?;
    }
    Ok(replayed.len())
}
