//! Queries of the sweep, which finds types that need a reallocation, whether or not a message announced them.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_postgres::statement;
use uuid::Uuid;

statement! {
    /// Finds types with held tickets, and types with anything open in events whose waiting list has ended or that are cancelled.
    struct TypesToReallocate { limit: BigInt = i64 } -> (SqlUuid, SqlUuid);
    "(SELECT t.event_id, t.id FROM ticket_types t WHERE t.held > 0 LIMIT $1)
     UNION
     (SELECT t.event_id, t.id FROM events e JOIN ticket_types t ON t.event_id = e.id
       WHERE e.settled_at IS NULL AND e.waitlist_ends_at <= now() AND (t.waiting > 0 OR t.held > 0) LIMIT $1)
     UNION
     (SELECT t.event_id, t.id FROM events e JOIN ticket_types t ON t.event_id = e.id
       WHERE e.settled_at IS NULL AND e.status = 'cancelled' AND (t.waiting > 0 OR t.held > 0 OR t.booked > 0 OR t.reserved > 0) LIMIT $1)"
}

statement! {
    /// Finds events that have nothing left to close, because their waiting list has ended or they are cancelled. An event whose
    /// list has just ended may still get an entry from a transaction that read the clock earlier, so only lists that ended at
    /// least one minute ago qualify.
    struct EventsToSettle {} -> (SqlUuid, BigInt);
    "SELECT e.id, e.version FROM events e
      WHERE e.settled_at IS NULL AND (e.status = 'cancelled' OR e.waitlist_ends_at <= now() - interval '1 minute')
        AND NOT EXISTS (SELECT FROM ticket_types t WHERE t.event_id = e.id AND (t.waiting > 0 OR t.held > 0 OR (e.status = 'cancelled' AND (t.booked > 0 OR t.reserved > 0))))"
}

statement! {
    /// Marks events as settled, unless an administrator has changed them since they were read.
    struct Settle { ids: Array<SqlUuid> = Vec<Uuid>, versions: Array<BigInt> = Vec<i64> }
    "UPDATE events e SET settled_at = now() FROM unnest($1, $2) AS c (id, version)
      WHERE e.id = c.id AND e.version = c.version AND e.settled_at IS NULL"
}

statement! {
    struct CountHeldTickets {} -> (BigInt, Double, Double);
    "SELECT coalesce(sum(held), 0)::bigint, coalesce(extract(epoch FROM now() - min(held_since)), 0)::float8,
            (SELECT greatest(0, extract(epoch FROM now() - min(b.expires_at)))::float8 FROM bookings b WHERE b.status = 'reserved')
       FROM ticket_types WHERE held > 0"
}

/// The tickets that are held for waiting lists, and the reservations that are overdue: the backlog of the worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldTickets {
    /// The number of held tickets of all types together.
    pub tickets: i64,
    /// The number of seconds for which tickets of a type have been held without interruption, for the type with the longest such
    /// time. It is 0 if no tickets are held.
    pub oldest_seconds: f64,
    /// The number of seconds by which the oldest reserved booking is overdue. It is 0 if none is.
    pub overdue_seconds: f64,
}

/// Returns the number of held tickets, the age of the oldest ones, and by how long reservations are overdue.
pub async fn held_tickets(conn: &mut AsyncPgConnection) -> QueryResult<HeldTickets> {
    let (tickets, oldest_seconds, overdue_seconds): (i64, f64, f64) = CountHeldTickets {}.get_result(conn).await?;
    Ok(HeldTickets { tickets, oldest_seconds, overdue_seconds })
}

/// Returns types that need a reallocation, at most `limit` of each kind. The read takes no locks; the decision is made under the
/// row lock.
pub async fn types_to_reallocate(conn: &mut AsyncPgConnection, limit: i64) -> QueryResult<Vec<TypeKey>> {
    let rows: Vec<(Uuid, Uuid)> = TypesToReallocate { limit }.load(conn).await?;
    Ok(rows.into_iter().map(|(event, id)| TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(id) }).collect())
}

statement! {
    /// Finds types with reserved bookings whose time is over, in the order in which it ended. The index `bookings_reserved` begins
    /// with these bookings.
    struct DueTypes { rows: BigInt = i64 } -> (SqlUuid, SqlUuid, BigInt);
    "SELECT d.event_id, d.ticket_type_id, count(*)
       FROM (SELECT b.event_id, b.ticket_type_id, b.expires_at FROM bookings b
              WHERE b.status = 'reserved' AND b.expires_at <= clock_timestamp() ORDER BY b.expires_at LIMIT $1) d
      GROUP BY 1, 2 ORDER BY min(d.expires_at)"
}

statement! {
    /// Returns the seconds until the next reservation ends by the database's clock, which are negative if it is overdue.
    struct NextExpiry {} -> Nullable<Double>;
    "SELECT extract(epoch FROM (SELECT b.expires_at FROM bookings b WHERE b.status = 'reserved' ORDER BY b.expires_at LIMIT 1) - clock_timestamp())::float8"
}

/// Returns the types of the reserved bookings whose time has been over for the longest time, considering at most `limit` bookings,
/// and whether there are as many as that and may be more.
pub async fn types_with_lapsed_reservations(conn: &mut AsyncPgConnection, limit: i64) -> QueryResult<(Vec<TypeKey>, bool)> {
    let rows: Vec<(Uuid, Uuid, i64)> = DueTypes { rows: limit }.load(conn).await?;
    let may_be_more = rows.iter().map(|(.., bookings)| bookings).sum::<i64>() >= limit;
    let key = |(event, id, _)| TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(id) };
    Ok((rows.into_iter().map(key).collect(), may_be_more))
}

/// Returns the time until the next reservation ends by the database's clock, which is zero if its time is over. Returns `None` if
/// nothing is reserved.
pub async fn time_until_next_expiry(conn: &mut AsyncPgConnection) -> QueryResult<Option<Duration>> {
    let seconds: Option<f64> = NextExpiry {}.get_result(conn).await?;
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

/// Marks the events that are settled, so that the sweep skips them, and returns their number. Any later change of an event
/// removes the mark.
pub async fn settle_events(conn: &mut AsyncPgConnection) -> QueryResult<usize> {
    let settled: Vec<(Uuid, i64)> = EventsToSettle {}.load(conn).await?;
    if settled.is_empty() {
        return Ok(0);
    }
    let (ids, versions) = settled.into_iter().unzip();
    Settle { ids, versions }.execute(conn).await
}
