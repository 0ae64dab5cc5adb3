//! Queries about an event or an account for administrators.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId};
use rowlock_domain::states::BookingStatus;
use rowlock_postgres::statement;
use uuid::Uuid;

use super::events::event;
use super::positions::positions;
use crate::schema::{bookings, waitlist_entries};
use crate::views::rows::{BookingRow, EntryRow, unreadable};
use crate::views::{Booking, EventWithTypes, WaitlistEntry};

/// The counters of an event and a page of its waiting lists, read in one snapshot.
#[derive(Debug, Clone)]
pub struct EventStatusPage {
    /// The event with its counters.
    pub event: EventWithTypes,
    /// For each ticket type with a waiting list, the number of waiting entries that want more tickets than one booking can have.
    pub unservable: HashMap<TicketTypeId, u32>,
    /// The waiting entries with their positions, ordered by the position of their type and by number.
    pub waitlist: Vec<(i64, WaitlistEntry)>,
}

/// Reads the status of an event, with at most `limit` waiting entries. `after` is the cursor: the position of a type in the
/// event, and the number of an entry of that type. Returns `None` if the event does not exist.
pub async fn status_page(
    conn: &mut AsyncPgConnection,
    id: EventId,
    only: Option<TicketTypeId>,
    after: Option<(i16, i64)>,
    limit: i64,
) -> QueryResult<Option<EventStatusPage>> {
    conn.build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |conn| {
            let Some(event) = event(conn, id).await? else { return Ok::<_, Error>(None) };
            let entries = waiting_entries(conn, &event, only, after, limit).await?;
            let positions = positions(conn, &entries).await?;
            let waitlist = entries.into_iter().map(|entry| (positions.get(&entry.id).copied().unwrap_or_default(), entry)).collect();
            let rows: Vec<(Uuid, i64)> = UnservableEntries { event: id.as_uuid() }.load(conn).await?;
            let unservable = rows
                .into_iter()
                .map(|(id, entries)| Ok((TicketTypeId::from_uuid(id), u32::try_from(entries).map_err(unreadable)?)))
                .collect::<QueryResult<_>>()?;
            Ok(Some(EventStatusPage { event, unservable, waitlist }))
        })
        .await
}

statement! {
    /// Counts with the index `waitlist_heads`, which has the minimum before the number.
    struct UnservableEntries { event: SqlUuid = Uuid } -> (SqlUuid, BigInt);
    "SELECT t.id, (SELECT count(*) FROM waitlist_entries w
                    WHERE w.event_id = t.event_id AND w.ticket_type_id = t.id AND w.status = 'waiting'
                      AND least(w.min_quantity, w.quantity) > least(t.capacity, t.max_per_booking))
       FROM ticket_types t WHERE t.event_id = $1 AND t.waiting > 0"
}

/// Reads the entries type by type, each by its index. The cost depends on the size of the page, not on the length of the lists.
async fn waiting_entries(
    conn: &mut AsyncPgConnection,
    event: &EventWithTypes,
    only: Option<TicketTypeId>,
    after: Option<(i16, i64)>,
    limit: i64,
) -> QueryResult<Vec<WaitlistEntry>> {
    let mut entries = Vec::new();
    for ticket_type in &event.types {
        let left = limit - i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let after_number = match after {
            Some((position, _)) if ticket_type.position < position => continue,
            Some((position, number)) if ticket_type.position == position => number,
            _ => 0,
        };
        if left <= 0 || only.is_some_and(|only| only != ticket_type.key.ticket_type) {
            continue;
        }
        let rows: Vec<EntryRow> = waitlist_entries::table
            .filter(waitlist_entries::event_id.eq(ticket_type.key.event.as_uuid()))
            .filter(waitlist_entries::ticket_type_id.eq(ticket_type.key.ticket_type.as_uuid()))
            .filter(waitlist_entries::status.eq("waiting"))
            .filter(waitlist_entries::number.gt(after_number))
            .order(waitlist_entries::number)
            .limit(left)
            .select(EntryRow::as_select())
            .load(conn)
            .await?;
        for row in rows {
            entries.push(WaitlistEntry::try_from(row)?);
        }
    }
    Ok(entries)
}

/// Lists the bookings of an event with this status, or all of them, with ids above `after`, oldest first.
pub async fn bookings_of_event(
    conn: &mut AsyncPgConnection,
    id: EventId,
    status: Option<BookingStatus>,
    after: Option<BookingId>,
    limit: i64,
) -> QueryResult<Vec<Booking>> {
    let mut query = bookings::table
        .filter(bookings::event_id.eq(id.as_uuid()))
        .order(bookings::id)
        .limit(limit)
        .select(BookingRow::as_select())
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(bookings::status.eq(status.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(bookings::id.gt(after.as_uuid()));
    }
    let rows: Vec<BookingRow> = query.load(conn).await?;
    rows.into_iter().map(Booking::try_from).collect()
}

statement! {
    /// Counts the same bookings that are cancelled when an account is disabled.
    struct HoldingsOfAccount { account: SqlUuid = Uuid } -> (BigInt, BigInt, BigInt);
    "SELECT count(*), coalesce(sum(b.quantity), 0)::bigint,
            (SELECT count(*) FROM waitlist_entries w WHERE w.account_id = $1 AND w.status = 'waiting')
       FROM bookings b JOIN events e ON e.id = b.event_id
      WHERE b.account_id = $1 AND (b.status = 'reserved' OR (b.status = 'confirmed' AND e.status = 'published' AND (e.starts_at IS NULL OR e.starts_at > now())))"
}

/// Counts what an account loses when it is disabled: its returnable bookings, their tickets, and its waiting-list entries.
pub async fn holdings(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<(i64, i64, i64)> {
    HoldingsOfAccount { account: account.as_uuid() }.get_result(conn).await
}
