//! Queries of an account about its own bookings and waiting-list entries.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId, WishId};
use rowlock_postgres::statement;
use uuid::Uuid;

use super::positions::positions;
use crate::schema::{bookings, events, waitlist_entries};
use crate::views::rows::{BookingRow, EntryRow};
use crate::views::{Booking, NamedBooking, NamedEntry, WaitlistEntry};

statement! {
    struct ReadClock {} -> Timestamptz;
    "SELECT clock_timestamp()"
}

/// The newest bookings and waiting-list entries of an account.
#[derive(Debug, Clone)]
pub struct AccountSnapshot {
    /// The time by the database's clock just before the rows were read.
    pub read_at: Timestamp,
    /// The bookings, newest first.
    pub bookings: Vec<NamedBooking>,
    /// The entries with their current positions, newest first.
    pub entries: Vec<NamedEntry>,
}

/// Reads the newest bookings and entries of an account, at most `limit` of each. The entries are read first, so that the booking of
/// a promoted entry is included.
pub async fn account_snapshot(conn: &mut AsyncPgConnection, account: AccountId, limit: i64) -> QueryResult<AccountSnapshot> {
    let read_at = ReadClock {}.get_result(conn).await?;
    let entries = entries_of_account(conn, account, None, limit).await?;
    let bookings = bookings_of_account(conn, account, None, limit).await?;
    Ok(AccountSnapshot { read_at, bookings, entries })
}

/// Returns the positions, starting at 1, of those of the entries that are waiting, and the time by the database's clock just before
/// they were read.
pub async fn queue_positions(
    conn: &mut AsyncPgConnection,
    entries: &[WaitlistEntry],
) -> QueryResult<(Timestamp, HashMap<WaitlistEntryId, i64>)> {
    let read_at = ReadClock {}.get_result(conn).await?;
    Ok((read_at, positions(conn, entries).await?))
}

/// Lists the bookings of an account with ids below `after`, newest first.
pub async fn bookings_of_account(
    conn: &mut AsyncPgConnection,
    account: AccountId,
    after: Option<BookingId>,
    limit: i64,
) -> QueryResult<Vec<NamedBooking>> {
    let mut query = bookings::table
        .inner_join(events::table.on(events::id.eq(bookings::event_id)))
        .filter(bookings::account_id.eq(account.as_uuid()))
        .order(bookings::id.desc())
        .limit(limit)
        .select((events::name, BookingRow::as_select()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(bookings::id.lt(after.as_uuid()));
    }
    let rows: Vec<(String, BookingRow)> = query.load(conn).await?;
    rows.into_iter().map(|(event_name, row)| Ok(NamedBooking { event_name, booking: Booking::try_from(row)? })).collect()
}

/// Lists the waiting-list entries of an account with ids below `after`, with their current positions, newest first.
pub async fn entries_of_account(
    conn: &mut AsyncPgConnection,
    account: AccountId,
    after: Option<WaitlistEntryId>,
    limit: i64,
) -> QueryResult<Vec<NamedEntry>> {
    let mut query = waitlist_entries::table
        .inner_join(events::table.on(events::id.eq(waitlist_entries::event_id)))
        .filter(waitlist_entries::account_id.eq(account.as_uuid()))
        .order(waitlist_entries::id.desc())
        .limit(limit)
        .select((events::name, EntryRow::as_select()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(waitlist_entries::id.lt(after.as_uuid()));
    }
    let rows: Vec<(String, EntryRow)> = query.load(conn).await?;
    let mut names = Vec::with_capacity(rows.len());
    let mut entries = Vec::with_capacity(rows.len());
    for (name, row) in rows {
        names.push(name);
        entries.push(WaitlistEntry::try_from(row)?);
    }
    let positions = positions(conn, &entries).await?;
    Ok(names
        .into_iter()
        .zip(entries)
        .map(|(event_name, entry)| NamedEntry { event_name, position: positions.get(&entry.id).copied(), chance: None, entry })
        .collect())
}

/// Returns the ticket type of a booking, which never changes, or `None` if the account has no such booking.
pub async fn booking_key(conn: &mut AsyncPgConnection, account: AccountId, booking: BookingId) -> QueryResult<Option<TypeKey>> {
    let found: Option<(Uuid, Uuid)> = bookings::table
        .filter(bookings::account_id.eq(account.as_uuid()))
        .filter(bookings::id.eq(booking.as_uuid()))
        .select((bookings::event_id, bookings::ticket_type_id))
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(|(event, id)| TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(id) }))
}

/// Returns the ticket type of a waiting-list entry, or `None` if the account has no such entry.
pub async fn entry_key(conn: &mut AsyncPgConnection, account: AccountId, entry: WaitlistEntryId) -> QueryResult<Option<TypeKey>> {
    let found: Option<(Uuid, Uuid)> = waitlist_entries::table
        .filter(waitlist_entries::account_id.eq(account.as_uuid()))
        .filter(waitlist_entries::id.eq(entry.as_uuid()))
        .select((waitlist_entries::event_id, waitlist_entries::ticket_type_id))
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(|(event, id)| TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(id) }))
}

/// Returns the first choice of a wish and its ticket type, or `None` if the account has no such wish.
pub async fn first_choice(
    conn: &mut AsyncPgConnection,
    account: AccountId,
    wish: WishId,
) -> QueryResult<Option<(WaitlistEntryId, TypeKey)>> {
    let found: Option<(Uuid, Uuid, Uuid)> = waitlist_entries::table
        .filter(waitlist_entries::account_id.eq(account.as_uuid()))
        .filter(waitlist_entries::wish_id.eq(wish.as_uuid()))
        .order(waitlist_entries::preference)
        .select((waitlist_entries::id, waitlist_entries::event_id, waitlist_entries::ticket_type_id))
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(|(id, event, ticket_type)| {
        let key = TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(ticket_type) };
        (WaitlistEntryId::from_uuid(id), key)
    }))
}
