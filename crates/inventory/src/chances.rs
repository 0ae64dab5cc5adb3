//! Reads from which the chances of waiting-list entries are estimated: the returns that the sales timeline has counted, and the first
//! entries of a queue.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{EventPhase, PartySize};
use rowlock_domain::chance::{History, HistoryDay};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::queue::QueuedEntry;
use rowlock_domain::states::EventStatus;
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::queries;
use crate::views::rows::unreadable;

/// The number of days whose returns are read.
const DAYS: i32 = 28;

/// The number of entries of a queue that are read. Those behind them are assumed to be alike.
const FIRST_ENTRIES: i64 = 500;

statement! {
    /// Counts the minutes of the past days by the number of tickets returned in them. Days end now, at the same time of day, and
    /// the last one has the number 0.
    struct CountReturns { event: SqlUuid = Uuid, id: SqlUuid = Uuid, now: Timestamptz = Timestamp, days: Integer = i32 } ->
        (Integer, Integer, BigInt, BigInt, BigInt, BigInt);
    "SELECT d.day, m.returned, count(*), sum(m.booked + m.promoted - m.returned)::bigint, sum(m.joined - m.promotions - m.withdrawn)::bigint,
            sum(m.withdrawn)::bigint
       FROM sales_minutes m CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM $3 - m.minute) / 86400)::integer AS day) d
      WHERE m.event_id = $1 AND m.ticket_type_id = $2 AND m.minute > $3 - make_interval(days => $4) AND m.minute <= $3
      GROUP BY d.day, m.returned"
}

statement! {
    /// Reads the first waiting entries of a type.
    struct FirstEntries { event: SqlUuid = Uuid, id: SqlUuid = Uuid, limit: BigInt = i64 } -> (BigInt, Integer, Integer);
    "SELECT number, quantity, least(min_quantity, quantity) FROM waitlist_entries
      WHERE event_id = $1 AND ticket_type_id = $2 AND status = 'waiting' ORDER BY number LIMIT $3"
}

/// The returns of a ticket type, and the limits within which they serve its waiting list.
#[derive(Debug, Clone)]
pub struct ReturnHistory {
    /// The returns of the past days.
    pub history: History,
    /// The time after which no returned ticket goes to the waiting list.
    pub until: Timestamp,
    /// The largest number of tickets that one entry can get.
    pub largest_quantity: u32,
}

/// A day while its rows are added up.
#[derive(Default)]
struct DayRows {
    returns: Vec<(u32, u32)>,
    sold: i64,
    waiting: i64,
    left: u32,
}

/// Reads the returns of a ticket type. Returns `None` if they are too few for an estimate, or if nothing ends its waiting list.
pub async fn return_history(conn: &mut AsyncPgConnection, key: TypeKey, now: Timestamp) -> QueryResult<Option<ReturnHistory>> {
    let Some(event) = queries::event(conn, key.event).await? else { return Ok(None) };
    let schedule = event.event.schedule();
    let is_open = schedule.status == EventStatus::Published && schedule.phase(now) == EventPhase::WaitlistOpen;
    let (Some(until), true) = (schedule.last_returns_at(), is_open) else { return Ok(None) };
    let Some(ticket_type) = event.types.into_iter().find(|known| known.key == key) else { return Ok(None) };
    let query = CountReturns { event: key.event.as_uuid(), id: key.ticket_type.as_uuid(), now, days: DAYS };
    let rows: Vec<(i32, i32, i64, i64, i64, i64)> = query.load(conn).await?;
    let mut days: Vec<DayRows> = (0..DAYS).map(|_| DayRows::default()).collect();
    for (day, returned, minutes, sold, waiting, left) in rows {
        let Some(day) = usize::try_from(day).ok().and_then(|day| days.get_mut(day)) else { continue };
        let count = |value: i64| u32::try_from(value).map_err(unreadable);
        if returned > 0 {
            day.returns.push((count(returned.into())?, count(minutes)?));
        }
        day.sold += sold;
        day.waiting += waiting;
        day.left += count(left)?;
    }
    let stock = &ticket_type.stock;
    let largest_quantity = stock.largest_quantity(ticket_type.limits);
    let history = History::new(&history_days(days, stock.booked, stock.waiting), stock.booked, largest_quantity);
    Ok(history.map(|history| ReturnHistory { history, until, largest_quantity }))
}

/// Follows the counters back from their present values. The timeline may lack the latest changes, which makes no difference to an
/// estimate.
fn history_days(days: Vec<DayRows>, sold: u32, waiting: u32) -> Vec<HistoryDay> {
    let (mut sold, mut waiting) = (i64::from(sold), i64::from(waiting));
    let count = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    let before = |day: DayRows| {
        let (sold_after, waiting_after) = (count(sold), count(waiting));
        (sold, waiting) = (sold - day.sold, waiting - day.waiting);
        let waiting = f64::from(waiting_after).midpoint(count(waiting).into());
        HistoryDay { returns: day.returns, sold_before: count(sold), sold_after, waiting, left: day.left }
    };
    days.into_iter().map(before).collect()
}

/// Reads the first entries of the queue of a ticket type, ordered by number.
pub async fn first_entries(conn: &mut AsyncPgConnection, key: TypeKey) -> QueryResult<Vec<QueuedEntry>> {
    let query = FirstEntries { event: key.event.as_uuid(), id: key.ticket_type.as_uuid(), limit: FIRST_ENTRIES };
    let rows: Vec<(i64, i32, i32)> = query.load(conn).await?;
    let count = |value: i32| u32::try_from(value).map_err(unreadable);
    let entry = |(number, quantity, min_quantity)| {
        Ok(QueuedEntry { number, size: PartySize { quantity: count(quantity)?, min_quantity: count(min_quantity)? } })
    };
    rows.into_iter().map(entry).collect()
}
