//! Reads the tickets of bookings and the check-ins of an account.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, CheckinId, EventId};
use rowlock_domain::tickets::{TicketNumber, TicketNumbers};
use rowlock_postgres::statement;
use serde::Serialize;
use uuid::Uuid;

use super::checkin::StoredCheckin;
use super::rows::{NumberColumns, stored_number, stored_numbers};
use crate::schema::{bookings, events, ticket_types};
use crate::views::rows::{BookingRow, EventRow};
use crate::views::{Booking, Event};

/// A booking with what its tickets show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketedBooking {
    /// The booking.
    pub booking: Booking,
    /// The event.
    pub event: Event,
    /// The name of the ticket type.
    pub ticket_type: String,
    /// The numbers of the tickets.
    pub numbers: TicketNumbers,
    /// The check-ins, ordered by number.
    pub checkins: Vec<StoredCheckin>,
}

/// A check-in of a ticket that an account holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountCheckin {
    /// The event.
    pub event_id: EventId,
    /// The booking.
    pub booking_id: BookingId,
    /// The number of the ticket.
    pub number: TicketNumber,
    /// When the ticket was scanned.
    pub checked_in_at: Timestamp,
    /// The name of the door.
    pub door: Option<String>,
}

statement! {
    struct CheckinsOfBookings { events: Array<SqlUuid> = Vec<Uuid>, bookings: Array<SqlUuid> = Vec<Uuid> }
        -> (SqlUuid, SqlUuid, Integer, Timestamptz, Nullable<Text>);
    "SELECT booking_id, id, number, checked_in_at, door FROM checkins
      WHERE event_id = ANY($1) AND booking_id = ANY($2) ORDER BY booking_id, number"
}

statement! {
    struct CheckinsOfAccount { account: SqlUuid = Uuid } -> (SqlUuid, SqlUuid, Integer, Timestamptz, Nullable<Text>);
    "SELECT c.event_id, c.booking_id, c.number, c.checked_in_at, c.door
       FROM bookings b JOIN checkins c ON c.event_id = b.event_id AND c.booking_id = b.id
      WHERE b.account_id = $1 ORDER BY c.event_id, c.booking_id, c.number"
}

/// Reads a booking of an event with its tickets.
pub async fn tickets_of_booking(conn: &mut AsyncPgConnection, event: EventId, booking: BookingId) -> QueryResult<Option<TicketedBooking>> {
    Ok(tickets_of_bookings(conn, &[(event, booking)]).await?.pop())
}

/// Reads those bookings that exist with their tickets, in no particular order. The check-ins are read last, so a ticket that is void
/// never appears to be used.
pub async fn tickets_of_bookings(conn: &mut AsyncPgConnection, wanted: &[(EventId, BookingId)]) -> QueryResult<Vec<TicketedBooking>> {
    let (event_ids, ids): (Vec<Uuid>, Vec<Uuid>) = wanted.iter().map(|(event, booking)| (event.as_uuid(), booking.as_uuid())).unzip();
    // Ids of bookings are unique, so no booking of another event is found.
    let rows: Vec<(BookingRow, EventRow, String, NumberColumns)> = bookings::table
        .inner_join(events::table.on(events::id.eq(bookings::event_id)))
        .inner_join(
            ticket_types::table.on(ticket_types::event_id.eq(bookings::event_id).and(ticket_types::id.eq(bookings::ticket_type_id))),
        )
        .filter(bookings::event_id.eq_any(&event_ids).and(bookings::id.eq_any(&ids)))
        .select((
            BookingRow::as_select(),
            EventRow::as_select(),
            ticket_types::name,
            (bookings::issued, bookings::void_numbers, bookings::void_reasons),
        ))
        .load(conn)
        .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let query = CheckinsOfBookings { events: event_ids, bookings: ids };
    let stored: Vec<(Uuid, Uuid, i32, Timestamp, Option<String>)> = query.load(conn).await?;
    let mut checkins: HashMap<Uuid, Vec<StoredCheckin>> = HashMap::new();
    for (booking, id, number, checked_in_at, door) in stored {
        let checkin = StoredCheckin { id: CheckinId::from_uuid(id), number: stored_number(number)?, checked_in_at, door };
        checkins.entry(booking).or_default().push(checkin);
    }
    let booking = |(row, event, ticket_type, numbers): (BookingRow, EventRow, String, NumberColumns)| {
        let booking = Booking::try_from(row)?;
        let numbers = stored_numbers(booking.quantity, numbers)?;
        let checkins = checkins.remove(&booking.id.as_uuid()).unwrap_or_default();
        Ok(TicketedBooking { booking, event: Event::try_from(event)?, ticket_type, numbers, checkins })
    };
    rows.into_iter().map(booking).collect()
}

/// Returns the check-ins of all tickets that an account holds.
pub async fn checkins_of_account(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<Vec<AccountCheckin>> {
    let rows: Vec<(Uuid, Uuid, i32, Timestamp, Option<String>)> = CheckinsOfAccount { account: account.as_uuid() }.load(conn).await?;
    let checkin = |(event, booking, number, checked_in_at, door)| {
        let (event_id, booking_id) = (EventId::from_uuid(event), BookingId::from_uuid(booking));
        Ok(AccountCheckin { event_id, booking_id, number: stored_number(number)?, checked_in_at, door })
    };
    rows.into_iter().map(checkin).collect()
}
