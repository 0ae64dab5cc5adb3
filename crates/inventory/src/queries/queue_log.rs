//! Reads queue logs.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::TypeKey;
use rowlock_domain::queue_log::{QueueChange, QueueLogHash, QueueLogHead, QueueLogRecord};
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::rows::unreadable;

statement! {
    struct QueueLogEnd { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> (BigInt, Nullable<Binary>);
    "SELECT t.queue_position, t.queue_hash FROM ticket_types t JOIN events e ON e.id = t.event_id
      WHERE t.event_id = $1 AND t.id = $2 AND e.published_at IS NOT NULL"
}

statement! {
    struct QueueLogRecords { event: SqlUuid = Uuid, id: SqlUuid = Uuid, after: BigInt = i64, end: BigInt = i64, limit: BigInt = i64 }
    -> (BigInt, Timestamptz, Text, BigInt, Nullable<BigInt>, Nullable<Integer>, Nullable<Integer>, Nullable<Integer>, Nullable<Integer>, Binary);
    "SELECT position, recorded_at, kind, entry_number, previous_number, quantity, min_quantity, free, max_per_booking, hash FROM queue_log
      WHERE event_id = $1 AND ticket_type_id = $2 AND position > $3 AND position <= $4 ORDER BY position LIMIT $5"
}

type RecordRow = (i64, Timestamp, String, i64, Option<i64>, Option<i32>, Option<i32>, Option<i32>, Option<i32>, Vec<u8>);

/// Records of a queue log, with the end of the log when they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueLogPage {
    /// The end of the log.
    pub head: QueueLogHead,
    /// The records in the order of their positions.
    pub records: Vec<QueueLogRecord>,
}

fn hash(stored: &[u8]) -> QueryResult<QueueLogHash> {
    Ok(QueueLogHash::from_bytes(stored.try_into().map_err(unreadable)?))
}

fn record(row: RecordRow) -> QueryResult<QueueLogRecord> {
    let (position, recorded_at, kind, number, previous_number, quantity, min_quantity, free, max_per_booking, stored_hash) = row;
    let count = |value: Option<i32>| value.map(|value| u32::try_from(value).map_err(unreadable)).transpose();
    let change = QueueChange {
        kind: kind.parse().map_err(unreadable)?,
        number,
        previous_number,
        quantity: count(quantity)?,
        min_quantity: count(min_quantity)?,
        free: count(free)?,
        max_per_booking: count(max_per_booking)?,
    };
    Ok(QueueLogRecord { position, recorded_at, change, hash: hash(&stored_hash)? })
}

/// Returns at most `limit` records of the log of a ticket type with positions above `after`. Returns `None` if the type does not exist
/// or its event has never been published.
pub async fn queue_log(conn: &mut AsyncPgConnection, key: TypeKey, after: i64, limit: i64) -> QueryResult<Option<QueueLogPage>> {
    let (event, id) = (key.event.as_uuid(), key.ticket_type.as_uuid());
    let end: Option<(i64, Option<Vec<u8>>)> = QueueLogEnd { event, id }.get_result(conn).await.optional()?;
    let Some((position, stored_hash)) = end else { return Ok(None) };
    let head = QueueLogHead { position, hash: stored_hash.as_deref().map_or(Ok(QueueLogHash::START), hash)? };
    // Records that were added since belong to the next page, so that a page never contains more than its end says.
    let rows: Vec<RecordRow> = QueueLogRecords { event, id, after, end: position, limit }.load(conn).await?;
    let records = rows.into_iter().map(record).collect::<QueryResult<_>>()?;
    Ok(Some(QueueLogPage { head, records }))
}
