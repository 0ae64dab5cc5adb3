//! `POST /internal/tickets`: returns the tickets of confirmed bookings, for the service that attaches them to e-mail. The gateway does
//! not route it, and only that service can open the response.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_domain::ids::{BookingId, EventId, TicketId};
use rowlock_domain::states::EventStatus;
use rowlock_http::problem::Problem;
use rowlock_http::{BoundedVec, InvalidBody, JsonBody, integer_field};
use rowlock_inventory::tickets::{TicketedBooking, tickets_of_bookings};
use rowlock_sealing::{MAILED_TICKETS, MailedBooking, MailedBookings, MailedTicket};
use rowlock_tickets::calendar_file;
use serde::Serialize;

use super::ticket_files::{calendar_entry, zone};
use super::tickets::{NO_STORE, valid_tickets};
use crate::state::AppState;
use crate::ticket_keys::{KeyError, LoadedKeys};

/// Maximum number of bookings in a request.
const MAX_BOOKINGS: usize = 100;

/// Maximum number of tickets per booking.
const MAX_TICKETS: usize = 1_000;

/// The bookings whose tickets are returned.
#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
pub(super) struct WantedTickets {
    bookings: BoundedVec<WantedBooking, MAX_BOOKINGS>,
    /// Number of tickets above which those of a booking are left out.
    max_tickets: MaxTickets,
}

#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct WantedBooking {
    event_id: EventId,
    id: BookingId,
}

/// A number of tickets up to that of the largest booking.
struct MaxTickets(usize);

impl Deserr<InvalidBody> for MaxTickets {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        let parse = |number: i64| usize::try_from(number).ok().filter(|number| *number <= MAX_TICKETS).map(Self);
        integer_field(&value, location, |number| parse(number).ok_or_else(|| format!("must be from 0 to {MAX_TICKETS}")))
    }
}

#[derive(Serialize)]
struct SealedTickets {
    sealed: String,
}

/// Returns 200 with the sealed tickets of those bookings that are confirmed and whose event takes place.
pub(super) async fn tickets(state: web::Data<AppState>, body: JsonBody<WantedTickets>) -> Result<HttpResponse, Problem> {
    let WantedTickets { bookings, max_tickets: MaxTickets(max_tickets) } = body.finish()?;
    let wanted: BTreeSet<_> = bookings.0.into_iter().map(|WantedBooking { event_id, id }| (event_id, id)).collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    let bookings = state.reader.run(async |conn| tickets_of_bookings(conn, &wanted).await).await?;
    let keys = state.ticket_keys.get().await?;
    let items = bookings.iter().filter(|booking| booking.event.status != EventStatus::Cancelled);
    let items = items.filter_map(|booking| mailed(&keys, booking, max_tickets).transpose()).collect::<Result<_, KeyError>>()?;
    let sealed = state.sealing.seal(MAILED_TICKETS, &MailedBookings { items }).map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(SealedTickets { sealed }))
}

/// Returns the tickets of a booking, or `None` if it has none, because it is not confirmed.
fn mailed(keys: &LoadedKeys, booking: &TicketedBooking, max_tickets: usize) -> Result<Option<MailedBooking>, KeyError> {
    let valid = valid_tickets(booking);
    if valid.is_empty() {
        return Ok(None);
    }
    let quantity = u32::try_from(valid.len()).unwrap_or(u32::MAX);
    let sign = |ticket: TicketId| Ok(MailedTicket { reference: ticket.reference(), code: keys.sign(ticket)? });
    let tickets = if valid.len() > max_tickets { None } else { Some(valid.into_iter().map(sign).collect::<Result<_, KeyError>>()?) };
    Ok(Some(MailedBooking {
        booking_id: booking.booking.id,
        quantity,
        event_name: booking.event.name.clone(),
        starts_at: booking.event.starts_at,
        time_zone: zone(booking).zone().name().to_owned(),
        venue: booking.event.venue.clone(),
        holder_name: booking.booking.holder.name.clone(),
        ticket_type: booking.ticket_type.clone(),
        tickets,
        calendar: calendar_entry(booking).map(|entry| calendar_file(&entry)),
    }))
}
