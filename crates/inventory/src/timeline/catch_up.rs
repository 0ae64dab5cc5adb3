//! Repairs ticket types whose messages were lost, or that were sold before the timeline existed.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_postgres::{DatabaseError, Pool, WriteError, checkout, committed, statement};
use uuid::Uuid;

use super::counts::{MinuteCounts, SalesCounts, minute_of};
use super::messages::count_pending;
use super::writes::{AddMinutes, UpdateProgress};
use crate::views::rows::unreadable;

statement! {
    /// Finds types whose version is not the counted one, in the order of the key.
    struct TypesBehind { after_event: SqlUuid = Uuid, after: SqlUuid = Uuid, limit: BigInt = i64 } -> (SqlUuid, SqlUuid, BigInt);
    "SELECT t.event_id, t.id, coalesce(p.sequence, 0) FROM ticket_types t
       LEFT JOIN sales_progress p ON p.event_id = t.event_id AND p.ticket_type_id = t.id
      WHERE (t.event_id, t.id) > ($1, $2) AND t.version <> coalesce(p.sequence, 0) ORDER BY t.event_id, t.id LIMIT $3"
}

statement! {
    struct DeleteProgressOfDeletedTypes {}
    "DELETE FROM sales_progress p WHERE NOT EXISTS (SELECT FROM ticket_types t WHERE t.event_id = p.event_id AND t.id = p.ticket_type_id)"
}

statement! {
    /// Deletes messages that arrived after a repair had counted what they report.
    struct DeleteCountedMessages {}
    "DELETE FROM sales_pending m USING sales_progress p
      WHERE p.event_id = m.event_id AND p.ticket_type_id = m.ticket_type_id AND m.sequence <= p.sequence"
}

statement! {
    /// Locks the repair of a type, so that of several replicas only one reads its rows.
    struct TryLockRepair { id: SqlUuid = Uuid } -> Bool;
    "SELECT pg_try_advisory_xact_lock(hashtextextended('sales timeline ' || $1::text, 0))"
}

statement! {
    struct ReadType { event: SqlUuid = Uuid, id: SqlUuid = Uuid } ->
        (BigInt, Integer, Integer, Integer, Nullable<BigInt>, Nullable<Timestamptz>, Nullable<Integer>, Timestamptz);
    "SELECT t.version, t.booked, t.waiting, t.capacity, p.sequence, p.minute, p.initial_capacity, now() FROM ticket_types t
       LEFT JOIN sales_progress p ON p.event_id = t.event_id AND p.ticket_type_id = t.id WHERE t.event_id = $1 AND t.id = $2"
}

type TypeRow = (i64, i32, i32, i32, Option<i64>, Option<Timestamp>, Option<i32>, Timestamp);

statement! {
    /// Counts the bookings and the waiting-list entries of a type per minute, from a minute on or all of them. A booking that was
    /// reserved is sold when it is confirmed, and never if it still has a time at which it expires. Transferred tickets were sold when
    /// their first booking was. The rows do not tell when a part
    /// of a booking was returned or a closed entry was reopened.
    struct CountRows { event: SqlUuid = Uuid, id: SqlUuid = Uuid, from: Nullable<Timestamptz> = Option<Timestamp> } ->
        (Timestamptz, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    "SELECT date_trunc('minute', c.at), sum(c.booked)::bigint, sum(c.returned)::bigint, sum(c.promoted)::bigint, sum(c.promotions)::bigint,
            sum(c.joined)::bigint, sum(c.withdrawn)::bigint
       FROM (SELECT coalesce(x.sold_at, b.confirmed_at, b.booked_at) AS at,
                    CASE WHEN coalesce(x.sold_to_waitlist, b.origin = 'waitlist') THEN 0 ELSE b.quantity END AS booked, 0 AS returned,
                    CASE WHEN coalesce(x.sold_to_waitlist, b.origin = 'waitlist') THEN b.quantity ELSE 0 END AS promoted,
                    0 AS promotions, 0 AS joined, 0 AS withdrawn
               FROM bookings b LEFT JOIN transfers x ON x.event_id = b.event_id AND x.received_booking = b.id AND b.origin = 'transfer'
              WHERE b.event_id = $1 AND b.ticket_type_id = $2 AND b.expires_at IS NULL
             UNION ALL
             SELECT b.booked_at, 0, 0, 0, 1, 0, 0 FROM bookings b
              WHERE b.event_id = $1 AND b.ticket_type_id = $2 AND b.origin = 'waitlist'
             UNION ALL
             SELECT b.cancelled_at, 0, b.quantity, 0, 0, 0, 0 FROM bookings b
              WHERE b.event_id = $1 AND b.ticket_type_id = $2 AND b.status = 'cancelled' AND b.expires_at IS NULL
             UNION ALL
             SELECT w.joined_at, 0, 0, 0, 0, 1, 0 FROM waitlist_entries w WHERE w.event_id = $1 AND w.ticket_type_id = $2
             UNION ALL
             SELECT w.ended_at, 0, 0, 0, 0, 0, 1 FROM waitlist_entries w
              WHERE w.event_id = $1 AND w.ticket_type_id = $2 AND w.status IN ('left', 'closed') AND w.booking_id IS NULL) c
      WHERE c.at >= coalesce($3, '-infinity'::timestamptz) GROUP BY 1"
}

statement! {
    /// Returns what is counted before a minute, and the last known capacity up to and including it.
    struct CountedBefore { event: SqlUuid = Uuid, id: SqlUuid = Uuid, minute: Timestamptz = Timestamp } ->
        (BigInt, BigInt, Nullable<Timestamptz>, Nullable<Integer>);
    "SELECT s.sold, s.waiting, c.minute, c.capacity
       FROM (SELECT coalesce(sum(booked + promoted - returned), 0)::bigint AS sold, coalesce(sum(joined - promotions - withdrawn), 0)::bigint AS waiting
               FROM sales_minutes WHERE event_id = $1 AND ticket_type_id = $2 AND minute < $3) s
       LEFT JOIN (SELECT minute, capacity FROM sales_minutes
                   WHERE event_id = $1 AND ticket_type_id = $2 AND minute <= $3 AND capacity IS NOT NULL ORDER BY minute DESC LIMIT 1) c ON true"
}

statement! {
    /// Returns what is counted in a minute.
    struct CountedIn { event: SqlUuid = Uuid, id: SqlUuid = Uuid, minute: Timestamptz = Timestamp } ->
        (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    "SELECT booked::bigint, returned::bigint, promoted::bigint, promotions::bigint, joined::bigint, withdrawn::bigint
       FROM sales_minutes WHERE event_id = $1 AND ticket_type_id = $2 AND minute = $3"
}

statement! {
    struct DeleteProgress { event: SqlUuid = Uuid, id: SqlUuid = Uuid, sequence: BigInt = i64 }
    "DELETE FROM sales_progress WHERE event_id = $1 AND ticket_type_id = $2 AND sequence = $3"
}

statement! {
    struct InsertProgressOf { event: SqlUuid = Uuid, id: SqlUuid = Uuid, capacity: Integer = i32 }
    "INSERT INTO sales_progress (event_id, ticket_type_id, initial_capacity) VALUES ($1, $2, $3) ON CONFLICT (event_id, ticket_type_id) DO NOTHING"
}

statement! {
    struct DeleteMinutes { event: SqlUuid = Uuid, id: SqlUuid = Uuid, from: Timestamptz = Timestamp }
    "DELETE FROM sales_minutes WHERE event_id = $1 AND ticket_type_id = $2 AND minute >= $3"
}

/// A type whose timeline does not contain its latest changes, or contains changes that the type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeBehind {
    /// The key of the type.
    pub key: TypeKey,
    /// The version up to which its changes are counted.
    pub sequence: i64,
}

/// The result of [`catch_up`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// Nothing: the type is up to date, or another process works on it.
    Nothing,
    /// Messages that were waiting could be counted.
    Counted,
    /// The rows of the type were counted anew.
    Recounted,
}

/// Lists at most `limit` types that are behind, with keys above `after`, in the order of their keys. Most of them are up to date
/// as soon as the messages in flight have been counted.
pub async fn types_behind(conn: &mut AsyncPgConnection, after: Option<TypeKey>, limit: i64) -> QueryResult<Vec<TypeBehind>> {
    let (after_event, after) = after.map_or((Uuid::nil(), Uuid::nil()), |key| (key.event.as_uuid(), key.ticket_type.as_uuid()));
    let rows: Vec<(Uuid, Uuid, i64)> = TypesBehind { after_event, after, limit }.load(conn).await?;
    let behind = |(event, id, sequence)| TypeBehind {
        key: TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(id) },
        sequence,
    };
    Ok(rows.into_iter().map(behind).collect())
}

/// Deletes the timelines of deleted types, and waiting messages whose changes are already counted.
pub async fn delete_leftovers(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    DeleteProgressOfDeletedTypes {}.execute(conn).await?;
    DeleteCountedMessages {}.execute(conn).await.map(|_| ())
}

/// Brings a type up to date: counts its waiting messages if there is no gap before them; otherwise counts its rows anew from the
/// minute of the last counted change. It is safe to run at any time and concurrently.
///
/// Where the rows do not tell what happened (see `CountRows`), the difference to the counters of the type is added to the current
/// minute, so that the totals are right. The first time that a type is counted, it is added to the last minute with a change.
pub async fn catch_up(pool: &Pool, behind: TypeBehind) -> Result<CatchUp, DatabaseError> {
    if count_pending(pool, behind.key).await? {
        return Ok(CatchUp::Counted);
    }
    let conn = checkout(pool).await?;
    match committed(conn, async |conn| recount(conn, behind.key).await).await {
        Ok(true) => Ok(CatchUp::Recounted),
        // Somebody else has moved the type forward.
        Ok(false) | Err(WriteError::NotCommitted(Error::RollbackTransaction)) => Ok(CatchUp::Nothing),
        Err(error) => match DatabaseError::from(error) {
            DatabaseError::Busy(reason) if reason.contains("could not serialize") => Ok(CatchUp::Nothing),
            error => Err(error),
        },
    }
}

async fn recount(conn: &mut AsyncPgConnection, key: TypeKey) -> QueryResult<bool> {
    // All reads see the same state, and a concurrent write to the progress makes this transaction fail. Counting a large event
    // may take longer than a statement of a request may.
    conn.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = '120s'").await?;
    let (event, id) = (key.event.as_uuid(), key.ticket_type.as_uuid());
    if !(TryLockRepair { id }).get_result::<bool>(conn).await? {
        return Ok(false);
    }
    let row: Option<TypeRow> = ReadType { event, id }.get_result(conn).await.optional()?;
    let Some((version, booked, waiting, capacity, sequence, minute, initial_capacity, now)) = row else { return Ok(false) };
    if sequence == Some(version) {
        return Ok(false);
    }
    // A sequence above the version is of changes that a restored backup does not contain.
    let outlived = sequence.filter(|sequence| *sequence > version);
    if let Some(sequence) = outlived {
        expect_one(DeleteProgress { event, id, sequence }.execute(conn).await?)?;
    }
    let sequence = sequence.filter(|_| outlived.is_none());
    if sequence.is_none() {
        expect_one(InsertProgressOf { event, id, capacity }.execute(conn).await?)?;
    }
    let from = minute.filter(|_| sequence.is_some());
    let mut minutes = count_rows(conn, key, from).await?;
    let (mut sold_before, mut waiting_before, mut known_capacity) = (0, 0, initial_capacity.filter(|_| sequence.is_some()));
    if let Some(minute) = from {
        let counted: (i64, i64, Option<Timestamp>, Option<i32>) = CountedBefore { event, id, minute }.get_result(conn).await?;
        (sold_before, waiting_before) = (counted.0, counted.1);
        if let Some(known) = counted.3 {
            known_capacity = Some(known);
            if counted.2 == Some(minute) {
                minutes.entry(minute).or_default().capacity = Some(u32::try_from(known).map_err(unreadable)?);
            }
        }
        // The counts that the rows give for a minute can only shrink, because a part of a booking was returned later.
        let row: Option<(i64, i64, i64, i64, i64, i64)> = CountedIn { event, id, minute }.get_result(conn).await.optional()?;
        if let Some((booked, returned, promoted, promotions, joined, left)) = row {
            minutes.entry(minute).or_default().counts.raise_to(SalesCounts { booked, returned, promoted, promotions, joined, left });
        }
        DeleteMinutes { event, id, from: minute }.execute(conn).await?;
    }
    let last = match (from, minutes.last_key_value()) {
        (None, Some((minute, _))) => *minute,
        _ => minute_of(now),
    };
    balance(&mut minutes, last, i64::from(booked) - sold_before, i64::from(waiting) - waiting_before);
    if known_capacity.is_some_and(|known| known != capacity) {
        minutes.entry(last).or_default().capacity = Some(u32::try_from(capacity).map_err(unreadable)?);
    }
    let moved = UpdateProgress {
        events: vec![event],
        types: vec![id],
        before: vec![sequence.unwrap_or_default()],
        after: vec![version],
        minutes: vec![minutes.last_key_value().map(|(minute, _)| *minute)],
    };
    expect_one(moved.execute(conn).await?)?;
    let mut rows = AddMinutes::default();
    for (minute, row) in minutes {
        rows.push(key, minute, row)?;
    }
    rows.execute(conn).await?;
    Ok(true)
}

fn expect_one(changed: usize) -> QueryResult<()> {
    if changed == 1 { Ok(()) } else { Err(Error::RollbackTransaction) }
}

async fn count_rows(conn: &mut AsyncPgConnection, key: TypeKey, from: Option<Timestamp>) -> QueryResult<BTreeMap<Timestamp, MinuteCounts>> {
    let query = CountRows { event: key.event.as_uuid(), id: key.ticket_type.as_uuid(), from };
    let rows: Vec<(Timestamp, i64, i64, i64, i64, i64, i64)> = query.load(conn).await?;
    let counts = |(minute, booked, returned, promoted, promotions, joined, left)| {
        (minute, MinuteCounts { counts: SalesCounts { booked, returned, promoted, promotions, joined, left }, capacity: None })
    };
    Ok(rows.into_iter().map(counts).collect())
}

/// Makes the sums of `minutes` equal to the changes of the counters, by adding the differences to the minute `last`.
fn balance(minutes: &mut BTreeMap<Timestamp, MinuteCounts>, last: Timestamp, sold: i64, waiting: i64) {
    let mut sum = SalesCounts::default();
    for minute in minutes.values() {
        sum.add(minute.counts);
    }
    let (tickets, entries) = (sold - sum.sold(), waiting - sum.waiting());
    if tickets == 0 && entries == 0 {
        return;
    }
    minutes.entry(last).or_default().counts.add(SalesCounts {
        booked: tickets.max(0),
        returned: (-tickets).max(0),
        joined: entries.max(0),
        left: (-entries).max(0),
        ..SalesCounts::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_added_to_the_last_minute() {
        let time = |minute: i64| Timestamp::from_timestamp(minute * 60, 0).unwrap();
        let counts = SalesCounts { booked: 5, joined: 2, ..SalesCounts::default() };
        let mut minutes = BTreeMap::from([(time(1), MinuteCounts { counts, capacity: None })]);
        balance(&mut minutes, time(1), 5, 2);
        assert_eq!(minutes[&time(1)].counts, counts);
        balance(&mut minutes, time(3), 4, 3);
        let expected = SalesCounts { returned: 1, joined: 1, ..SalesCounts::default() };
        assert_eq!(minutes[&time(3)].counts, expected);
        balance(&mut minutes, time(3), 9, 0);
        assert_eq!(minutes[&time(3)].counts, SalesCounts { booked: 5, left: 3, ..expected });
    }
}
