//! Finds a booking or a waiting-list entry by its id alone, for administrators.
//!
//! The keys of both tables begin with the event, and an index on the id would have to be maintained by every booking of a sale.
//! So the id is looked up in the primary key once per event. Ids are UUIDv7 and an event is older than its bookings, so only
//! events made before the booking are tried; a day is allowed for clocks that differ.

use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_postgres::statement;
use uuid::Uuid;

/// A day in the milliseconds that a UUIDv7 begins with.
const CLOCK_DIFFERENCE: u128 = 24 * 60 * 60 * 1000;

statement! {
    struct FindBooking { id: SqlUuid = Uuid, before: SqlUuid = Uuid } -> (SqlUuid, SqlUuid, SqlUuid);
    "SELECT found.event_id, found.ticket_type_id, found.account_id FROM events e CROSS JOIN LATERAL (
         SELECT b.event_id, b.ticket_type_id, b.account_id FROM bookings b WHERE b.event_id = e.id AND b.id = $1 LIMIT 1
     ) AS found WHERE e.id < $2 LIMIT 1"
}

statement! {
    struct FindEntry { id: SqlUuid = Uuid, before: SqlUuid = Uuid } -> (SqlUuid, SqlUuid, SqlUuid);
    "SELECT found.event_id, found.ticket_type_id, found.account_id FROM events e CROSS JOIN LATERAL (
         SELECT w.event_id, w.ticket_type_id, w.account_id FROM waitlist_entries w WHERE w.event_id = e.id AND w.id = $1 LIMIT 1
     ) AS found WHERE e.id < $2 LIMIT 1"
}

fn later(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(CLOCK_DIFFERENCE << 80))
}

fn key_and_holder((event, ticket_type, account): (Uuid, Uuid, Uuid)) -> (TypeKey, AccountId) {
    let key = TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(ticket_type) };
    (key, AccountId::from_uuid(account))
}

/// Finds the ticket type and the holder of any account's booking.
pub async fn find_booking(conn: &mut AsyncPgConnection, booking: BookingId) -> QueryResult<Option<(TypeKey, AccountId)>> {
    let id = booking.as_uuid();
    let found: Option<(Uuid, Uuid, Uuid)> = FindBooking { id, before: later(id) }.get_result(conn).await.optional()?;
    Ok(found.map(key_and_holder))
}

/// Finds the ticket type and the holder of any account's waiting-list entry.
pub async fn find_entry(conn: &mut AsyncPgConnection, entry: WaitlistEntryId) -> QueryResult<Option<(TypeKey, AccountId)>> {
    let id = entry.as_uuid();
    let found: Option<(Uuid, Uuid, Uuid)> = FindEntry { id, before: later(id) }.get_result(conn).await.optional()?;
    Ok(found.map(key_and_holder))
}
