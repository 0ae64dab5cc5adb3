//! Resolution of the ids in a request to the event, ticket type, booking or waiting-list entry that a command concerns.

use std::str::FromStr;

use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, WaitlistEntryId, WishId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_inventory::command::Target;
use rowlock_inventory::queries;

use crate::state::AppState;

/// Parses the event id in the path. A malformed id gets the same 404 as an unknown event.
pub(super) fn event_in_path(path: &str) -> Result<EventId, Problem> {
    EventId::from_str(path).map_err(|_| event_not_found())
}

/// Returns the problem for an event that does not exist or is not visible to the caller.
pub(super) fn event_not_found() -> Problem {
    Problem::new(ProblemCode::EventNotFound, "There is no event with this id.")
}

/// Returns the problem for a booking that does not exist or belongs to another account.
pub(super) fn booking_not_found() -> Problem {
    Problem::new(ProblemCode::BookingNotFound, "You have no such booking.")
}

/// Returns the ticket type to book: the given one, or the only one of the event. The types of an event never change, so a cached
/// value is current.
///
/// # Errors
///
/// Without a given ticket type, returns the problem 404 if the event is unknown, and 422 if it has several types.
pub(super) async fn ticket_type_to_book(state: &AppState, event: EventId, given: Option<TicketTypeId>) -> Result<TicketTypeId, Problem> {
    if let Some(ticket_type) = given {
        return Ok(ticket_type);
    }
    match *state.event_cache.ticket_types(event).await? {
        [] => Err(event_not_found()),
        [only] => Ok(only),
        _ => Err(Problem::invalid_field("ticketTypeId", "is required: the event has several ticket types")),
    }
}

/// Returns the event and the booking of a user that a body names by `bookingId` or `eventId`.
pub(super) async fn users_booking(
    state: &AppState,
    account: AccountId,
    id: Option<BookingId>,
    event: Option<EventId>,
) -> Result<(EventId, Target<BookingId>), Problem> {
    let Some(id) = id else { return only_at_event(state, event.ok_or_else(booking_not_found)?).await };
    let key = state.reader.run(async |conn| queries::booking_key(conn, account, id).await).await?.ok_or_else(booking_not_found)?;
    Ok((key.event, Target::ById(id, key.ticket_type)))
}

/// Returns the event and the waiting-list entry of a user that a body names by `waitlistEntryId` or `eventId`.
pub(super) async fn users_entry(
    state: &AppState,
    account: AccountId,
    id: Option<WaitlistEntryId>,
    event: Option<EventId>,
) -> Result<(EventId, Target<WaitlistEntryId>), Problem> {
    let Some(id) = id else { return only_at_event(state, event.ok_or_else(entry_not_found)?).await };
    let key = state.reader.run(async |conn| queries::entry_key(conn, account, id).await).await?.ok_or_else(entry_not_found)?;
    Ok((key.event, Target::ById(id, key.ticket_type)))
}

/// Returns the event and the first choice of a wish of a user.
pub(super) async fn users_wish(state: &AppState, account: AccountId, wish: WishId) -> Result<(EventId, Target<WaitlistEntryId>), Problem> {
    let found = state.reader.run(async |conn| queries::first_choice(conn, account, wish).await).await?;
    let (id, key) = found.ok_or_else(entry_not_found)?;
    Ok((key.event, Target::ById(id, key.ticket_type)))
}

fn entry_not_found() -> Problem {
    Problem::new(ProblemCode::WaitlistEntryNotFound, "You have no such waiting-list entry.")
}

/// Returns the target for the only booking or entry that an account has at an event. If the event has a single ticket type, the
/// target names it, so that the command locks only one row.
async fn only_at_event<Id>(state: &AppState, event: EventId) -> Result<(EventId, Target<Id>), Problem> {
    let single_type = match *state.event_cache.ticket_types(event).await? {
        [only] => Some(only),
        _ => None,
    };
    Ok((event, Target::OnlyAtEvent(single_type)))
}
