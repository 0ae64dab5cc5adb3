//! Reads the tickets of a booking and the check-ins of an account.

use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
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
    struct CheckinsOfBooking { event: SqlUuid = Uuid, booking: SqlUuid = Uuid } -> (SqlUuid, Integer, Timestamptz, Nullable<Text>);
    "SELECT id, number, checked_in_at, door FROM checkins WHERE event_id = $1 AND booking_id = $2 ORDER BY number"
}

statement! {
    struct CheckinsOfAccount { account: SqlUuid = Uuid } -> (SqlUuid, SqlUuid, Integer, Timestamptz, Nullable<Text>);
    "SELECT c.event_id, c.booking_id, c.number, c.checked_in_at, c.door
       FROM bookings b JOIN checkins c ON c.event_id = b.event_id AND c.booking_id = b.id
      WHERE b.account_id = $1 ORDER BY c.event_id, c.booking_id, c.number"
}

/// Reads a booking of an event with its tickets. The check-ins are read last, so a ticket that is void never appears to be used.
pub async fn tickets_of_booking(conn: &mut AsyncPgConnection, event: EventId, booking: BookingId) -> QueryResult<Option<TicketedBooking>> {
    let found: Option<(BookingRow, EventRow, String, NumberColumns)> = bookings::table
        .inner_join(events::table.on(events::id.eq(bookings::event_id)))
        .inner_join(
            ticket_types::table.on(ticket_types::event_id.eq(bookings::event_id).and(ticket_types::id.eq(bookings::ticket_type_id))),
        )
        .filter(bookings::event_id.eq(event.as_uuid()).and(bookings::id.eq(booking.as_uuid())))
        .select((
            BookingRow::as_select(),
            EventRow::as_select(),
            ticket_types::name,
            (bookings::issued, bookings::void_numbers, bookings::void_reasons),
        ))
        .first(conn)
        .await
        .optional()?;
    let Some((row, event_row, ticket_type, numbers)) = found else { return Ok(None) };
    let booking = Booking::try_from(row)?;
    let numbers = stored_numbers(booking.quantity, numbers)?;
    let query = CheckinsOfBooking { event: event.as_uuid(), booking: booking.id.as_uuid() };
    let rows: Vec<(Uuid, i32, Timestamp, Option<String>)> = query.load(conn).await?;
    let checkins = rows.into_iter().map(|(id, number, checked_in_at, door)| {
        Ok(StoredCheckin { id: CheckinId::from_uuid(id), number: stored_number(number)?, checked_in_at, door })
    });
    let checkins = checkins.collect::<QueryResult<_>>()?;
    Ok(Some(TicketedBooking { booking, event: Event::try_from(event_row)?, ticket_type, numbers, checkins }))
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
