//! The operator's view of the rows that were set aside, and their way back.

use diesel::{ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_postgres::DatabaseError;
use uuid::Uuid;

use super::rows::{NewOutboxRow, outbox, outbox_failed};

/// How many rows are moved in one transaction.
const CHUNK: i64 = 500;

/// A row that the broker refused too often.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = outbox_failed, check_for_backend(diesel::pg::Pg))]
pub struct FailedRow {
    /// The number that it had in the outbox.
    pub id: i64,
    /// The event it belongs to.
    pub event_id: Uuid,
    /// The identity of the message.
    pub message_id: Uuid,
    /// Its routing key.
    pub routing_key: String,
    /// The message.
    pub payload: String,
    /// When what it tells became true.
    pub occurred_at: Timestamp,
    /// When it was set aside.
    pub failed_at: Timestamp,
    /// How often it was refused.
    pub attempts: i32,
    /// Why, the last time.
    pub reason: String,
}

/// Shows up to `limit` rows, oldest first.
pub async fn list(conn: &mut AsyncPgConnection, limit: u32) -> Result<Vec<FailedRow>, DatabaseError> {
    let query = outbox_failed::table.order(outbox_failed::id).limit(i64::from(limit)).select(FailedRow::as_select());
    Ok(query.load(conn).await?)
}

/// Puts all rows that are set aside now back into the outbox, behind what is there, in their old order. Returns how
/// many. Interrupted, it can be repeated.
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
        .limit(CHUNK)
        .select(FailedRow::as_select())
        .load(conn)
        .await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    // The deleted ones decide: of two operators at once, the second finds nothing left of them and moves nothing.
    let gone: Vec<i64> =
        diesel::delete(outbox_failed::table.filter(outbox_failed::id.eq_any(ids))).returning(outbox_failed::id).get_results(conn).await?;
    let back: Vec<NewOutboxRow> = rows
        .into_iter()
        .filter(|row| gone.contains(&row.id))
        .map(|row| NewOutboxRow {
            event_id: row.event_id,
            message_id: row.message_id,
            routing_key: row.routing_key,
            payload: row.payload,
            occurred_at: row.occurred_at,
        })
        .collect();
    if !back.is_empty() {
        diesel::insert_into(outbox::table).values(&back).execute(conn).await?;
    }
    Ok(back.len())
}
