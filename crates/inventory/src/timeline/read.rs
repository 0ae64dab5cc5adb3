//! Reads the timeline of an event.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_postgres::statement;
use uuid::Uuid;

use super::counts::SalesCounts;
use super::period::{Period, PeriodError, PeriodRequest};
use crate::queries;
use crate::views::{EventWithTypes, TicketType};

statement! {
    /// Returns the first and the last minute with a change of each type.
    struct RecordedMinutes { event: SqlUuid = Uuid, ids: Array<SqlUuid> = Vec<Uuid> } -> (Nullable<Timestamptz>, Nullable<Timestamptz>);
    "SELECT (SELECT m.minute FROM sales_minutes m WHERE m.event_id = $1 AND m.ticket_type_id = k.id ORDER BY m.minute LIMIT 1),
            (SELECT m.minute FROM sales_minutes m WHERE m.event_id = $1 AND m.ticket_type_id = k.id ORDER BY m.minute DESC LIMIT 1)
       FROM unnest($2) AS k (id)"
}

statement! {
    /// Sums up what is counted before a time, with the last known capacity.
    struct CountedBefore { from: Timestamptz = Timestamp, event: SqlUuid = Uuid } -> (SqlUuid, BigInt, Integer, BigInt, BigInt, Nullable<Integer>);
    "SELECT p.ticket_type_id, p.sequence, p.initial_capacity, coalesce(sum(m.booked + m.promoted - m.returned), 0)::bigint,
            coalesce(sum(m.joined - m.promotions - m.withdrawn), 0)::bigint,
            (array_agg(m.capacity ORDER BY m.minute DESC) FILTER (WHERE m.capacity IS NOT NULL))[1]
       FROM sales_progress p LEFT JOIN sales_minutes m
            ON m.event_id = p.event_id AND m.ticket_type_id = p.ticket_type_id AND m.minute < $1
      WHERE p.event_id = $2 GROUP BY p.ticket_type_id, p.sequence, p.initial_capacity"
}

statement! {
    /// Sums up the minutes of each bucket.
    struct CountBuckets { event: SqlUuid = Uuid, from: Timestamptz = Timestamp, to: Timestamptz = Timestamp, seconds: BigInt = i64 } ->
        (SqlUuid, Timestamptz, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, Nullable<Integer>);
    "SELECT m.ticket_type_id, b.start, sum(m.booked)::bigint, sum(m.returned)::bigint, sum(m.promoted)::bigint, sum(m.promotions)::bigint,
            sum(m.joined)::bigint, sum(m.withdrawn)::bigint, (array_agg(m.capacity ORDER BY m.minute DESC) FILTER (WHERE m.capacity IS NOT NULL))[1]
       FROM (SELECT $1 AS event_id, $2 AS first, $3 AS last, make_interval(secs => $4::float8) AS width) r
       JOIN sales_minutes m ON m.event_id = r.event_id AND m.minute >= r.first AND m.minute < r.last
      CROSS JOIN LATERAL (SELECT date_bin(r.width, m.minute, '2000-01-01 00:00:00+00') AS start) b
      GROUP BY m.ticket_type_id, b.start"
}

type BucketRow = (Uuid, Timestamp, i64, i64, i64, i64, i64, i64, Option<i32>);

/// The counts of one bucket, with the totals at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketCounts {
    /// The start of the bucket.
    pub start: Timestamp,
    /// The changes within the bucket.
    pub counts: SalesCounts,
    /// The number of tickets in confirmed bookings at the end of the bucket.
    pub sold: i64,
    /// The number of waiting entries at the end of the bucket.
    pub waiting: i64,
    /// The number of tickets at the end of the bucket. It is that of today for the time before the first recorded change.
    pub capacity: i64,
}

/// The timeline of one ticket type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeTimeline {
    /// The ticket type.
    pub ticket_type: TicketType,
    /// The buckets of the period, without gaps.
    pub buckets: Vec<BucketCounts>,
}

/// The timeline of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// The event.
    pub event: EventWithTypes,
    /// The period.
    pub period: Period,
    /// Whether all changes that are committed are counted.
    pub up_to_date: bool,
    /// The buckets of all types together.
    pub buckets: Vec<BucketCounts>,
    /// The ticket types, ordered by position.
    pub types: Vec<TypeTimeline>,
}

/// The totals of a type at some time.
#[derive(Debug, Clone, Copy)]
struct Totals {
    sold: i64,
    waiting: i64,
    capacity: i64,
}

/// Reads the timeline of an event in one snapshot. Returns `None` if the event does not exist.
pub async fn read(
    conn: &mut AsyncPgConnection,
    id: EventId,
    request: PeriodRequest,
    now: Timestamp,
) -> QueryResult<Option<Result<Timeline, PeriodError>>> {
    conn.build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |conn| {
            let Some(event) = queries::event(conn, id).await? else { return Ok::<_, Error>(None) };
            let ids = event.types.iter().map(|ticket_type| ticket_type.key.ticket_type.as_uuid()).collect();
            let recorded: Vec<(Option<Timestamp>, Option<Timestamp>)> = RecordedMinutes { event: id.as_uuid(), ids }.load(conn).await?;
            let first = recorded.iter().filter_map(|(first, _)| *first).min();
            let last = recorded.iter().filter_map(|(_, last)| *last).max();
            match Period::choose(request, &event.event, first.zip(last), now) {
                Ok(period) => Ok(Some(Ok(read_period(conn, event, period).await?))),
                Err(error) => Ok(Some(Err(error))),
            }
        })
        .await
}

async fn read_period(conn: &mut AsyncPgConnection, event: EventWithTypes, period: Period) -> QueryResult<Timeline> {
    let id = event.event.id.as_uuid();
    let Period { from, to, bucket } = period;
    let before: Vec<(Uuid, i64, i32, i64, i64, Option<i32>)> = CountedBefore { event: id, from }.load(conn).await?;
    let mut counted = HashMap::new();
    let mut totals = HashMap::new();
    for (id, sequence, initial_capacity, sold, waiting, capacity) in before {
        let id = TicketTypeId::from_uuid(id);
        counted.insert(id, sequence);
        totals.insert(id, Totals { sold, waiting, capacity: capacity.unwrap_or(initial_capacity).into() });
    }
    let rows: Vec<BucketRow> = CountBuckets { event: id, from, to, seconds: bucket.seconds() }.load(conn).await?;
    let mut changes: HashMap<(TicketTypeId, Timestamp), (SalesCounts, Option<i32>)> = HashMap::new();
    for (id, start, booked, returned, promoted, promotions, joined, left, capacity) in rows {
        let counts = SalesCounts { booked, returned, promoted, promotions, joined, left };
        changes.insert((TicketTypeId::from_uuid(id), start), (counts, capacity));
    }
    let of_type = |ticket_type: &TicketType| {
        let key = ticket_type.key.ticket_type;
        let unknown = Totals { sold: 0, waiting: 0, capacity: ticket_type.stock.capacity.into() };
        let mut now = totals.get(&key).copied().unwrap_or(unknown);
        let buckets = period.starts().map(|start| {
            let (counts, capacity) = changes.get(&(key, start)).copied().unwrap_or_default();
            now.sold += counts.sold();
            now.waiting += counts.waiting();
            now.capacity = capacity.map_or(now.capacity, i64::from);
            BucketCounts { start, counts, sold: now.sold, waiting: now.waiting, capacity: now.capacity }
        });
        TypeTimeline { buckets: buckets.collect(), ticket_type: ticket_type.clone() }
    };
    let types: Vec<TypeTimeline> = event.types.iter().map(of_type).collect();
    let is_counted =
        |ticket_type: &TicketType| counted.get(&ticket_type.key.ticket_type).copied().unwrap_or_default() >= ticket_type.stock.version;
    let up_to_date = event.types.iter().all(is_counted);
    Ok(Timeline { up_to_date, buckets: sum_of(&types), types, event, period })
}

/// Adds up the buckets of the types, all of which have the same starts.
fn sum_of(types: &[TypeTimeline]) -> Vec<BucketCounts> {
    let Some((first, others)) = types.split_first() else { return Vec::new() };
    let mut sums = first.buckets.clone();
    for other in others {
        for (sum, bucket) in sums.iter_mut().zip(&other.buckets) {
            sum.counts.add(bucket.counts);
            sum.sold += bucket.sold;
            sum.waiting += bucket.waiting;
            sum.capacity += bucket.capacity;
        }
    }
    sums
}
