//! The current states of some bookings, waiting-list entries and holders, for the service that tells people about them.

use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, BookingId, EventId, WaitlistEntryId};
use rowlock_domain::states::{BookingStatus, WaitlistStatus};
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::rows::unreadable;

statement! {
    struct StatesOfBookings { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, Text, BigInt);
    "SELECT b.id, b.status, b.quantity::bigint
       FROM unnest($1, $2) AS k (event_id, id) JOIN bookings b ON b.event_id = k.event_id AND b.id = k.id"
}

statement! {
    struct StatesOfEntries { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, Text);
    "SELECT w.id, w.status
       FROM unnest($1, $2) AS k (event_id, id) JOIN waitlist_entries w ON w.event_id = k.event_id AND w.id = k.id"
}

statement! {
    /// Counts the confirmed tickets of accounts at events. The index `bookings_of_account` finds their bookings.
    struct TicketsOfAccounts { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, SqlUuid, BigInt);
    "SELECT b.event_id, b.account_id, sum(b.quantity)::bigint
       FROM (SELECT DISTINCT event_id, account_id FROM unnest($1, $2) AS w (event_id, account_id)) AS k
       JOIN bookings b ON b.account_id = k.account_id AND b.event_id = k.event_id AND b.status = 'confirmed'
      GROUP BY b.event_id, b.account_id"
}

/// The state of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookingState {
    /// The booking.
    pub id: BookingId,
    /// Its status.
    pub status: BookingStatus,
    /// The number of its tickets.
    pub quantity: u64,
}

/// The state of a waiting-list entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryState {
    /// The entry.
    pub id: WaitlistEntryId,
    /// Its status.
    pub status: WaitlistStatus,
}

/// The tickets that an account holds at an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HolderState {
    /// The event.
    pub event: EventId,
    /// The account.
    pub account: AccountId,
    /// The number of its confirmed tickets.
    pub quantity: u64,
}

/// Returns the states of those bookings that exist.
pub async fn states_of_bookings(conn: &mut AsyncPgConnection, wanted: &[(EventId, BookingId)]) -> QueryResult<Vec<BookingState>> {
    let (events, ids) = wanted.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
    let rows: Vec<(Uuid, String, i64)> = StatesOfBookings { events, ids }.load(conn).await?;
    let state = |(id, status, quantity): (Uuid, String, i64)| {
        let status = status.parse().map_err(unreadable)?;
        Ok(BookingState { id: BookingId::from_uuid(id), status, quantity: u64::try_from(quantity).map_err(unreadable)? })
    };
    rows.into_iter().map(state).collect()
}

/// Returns the states of those waiting-list entries that exist.
pub async fn states_of_entries(conn: &mut AsyncPgConnection, wanted: &[(EventId, WaitlistEntryId)]) -> QueryResult<Vec<EntryState>> {
    let (events, ids) = wanted.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
    let rows: Vec<(Uuid, String)> = StatesOfEntries { events, ids }.load(conn).await?;
    let state =
        |(id, status): (Uuid, String)| Ok(EntryState { id: WaitlistEntryId::from_uuid(id), status: status.parse().map_err(unreadable)? });
    rows.into_iter().map(state).collect()
}

/// Returns the tickets of those accounts that hold some at the event.
pub async fn states_of_holders(conn: &mut AsyncPgConnection, wanted: &[(EventId, AccountId)]) -> QueryResult<Vec<HolderState>> {
    let (events, accounts) = wanted.iter().map(|(event, account)| (event.as_uuid(), account.as_uuid())).unzip();
    let rows: Vec<(Uuid, Uuid, i64)> = TicketsOfAccounts { events, accounts }.load(conn).await?;
    let state = |(event, account, quantity): (Uuid, Uuid, i64)| {
        let quantity = u64::try_from(quantity).map_err(unreadable)?;
        Ok(HolderState { event: EventId::from_uuid(event), account: AccountId::from_uuid(account), quantity })
    };
    rows.into_iter().map(state).collect()
}
