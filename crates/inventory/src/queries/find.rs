//! Finds a booking or a waiting-list entry by its id alone, for administrators.
//!
//! The keys of both tables begin with the event, and an index on the id would burden every booking of a sale. The id is therefore
//! looked up in the primary key once per event. Ids are UUIDv7 and an event is older than its bookings, so only events that were
//! created before the booking are searched, with a tolerance of one day for clock differences.

use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_postgres::statement;
use uuid::Uuid;

/// One day in milliseconds, the unit of the timestamp in a UUIDv7.
const CLOCK_TOLERANCE_MS: u128 = 24 * 60 * 60 * 1000;

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

fn latest_event_id(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(CLOCK_TOLERANCE_MS << 80))
}

fn key_and_holder((event, ticket_type, account): (Uuid, Uuid, Uuid)) -> (TypeKey, AccountId) {
    let key = TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(ticket_type) };
    (key, AccountId::from_uuid(account))
}

/// Returns the ticket type and the holder of a booking of any account.
pub async fn find_booking(conn: &mut AsyncPgConnection, booking: BookingId) -> QueryResult<Option<(TypeKey, AccountId)>> {
    let id = booking.as_uuid();
    let found: Option<(Uuid, Uuid, Uuid)> = FindBooking { id, before: latest_event_id(id) }.get_result(conn).await.optional()?;
    Ok(found.map(key_and_holder))
}

/// Returns the ticket type and the holder of a waiting-list entry of any account.
pub async fn find_entry(conn: &mut AsyncPgConnection, entry: WaitlistEntryId) -> QueryResult<Option<(TypeKey, AccountId)>> {
    let id = entry.as_uuid();
    let found: Option<(Uuid, Uuid, Uuid)> = FindEntry { id, before: latest_event_id(id) }.get_result(conn).await.optional()?;
    Ok(found.map(key_and_holder))
}
