//! Conversion of command outcomes to API responses, and of refusals to problem documents.

mod wishes;

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use chrono::SecondsFormat;
use rowlock_domain::allocation::{BookRefusal, CapacityBelowBooked, ConfirmRefusal, ReturnRefusal, TransferTimeRefusal};
use rowlock_domain::ids::TicketTypeId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::TransferStatus;
use rowlock_http::REPLAYED_HEADER;
use rowlock_http::problem::{FieldError, Problem};
use rowlock_inventory::command::{RenderedResponse, SalesHistory, TransferRefusal};
use rowlock_inventory::{CommandError, Outcome, Refusal};

use self::wishes::{entries_of, problem_of_wish};
use crate::etag::event_etag;
use crate::resources::{
    BookedResponse, ChangedEntryResponse, ChangedEventResource, ConfirmedResponse, LeftResponse, ReturnedResponse, TransferResource,
    TransferResponse, WaitlistedResponse,
};

/// Returns the response to a successful command, which is also stored for retries with the same idempotency key. Returns `None`
/// for outcomes that are not stored, such as refusals.
pub(crate) fn render(outcome: &Outcome) -> Option<RenderedResponse> {
    let mut etag = None;
    let (status, body) = match outcome {
        Outcome::Booked(booking) => {
            (201, serde_json::to_string(&BookedResponse { status: booking.booking.status.as_str(), booking: booking.into() }))
        }
        Outcome::Confirmed(booking) => (200, serde_json::to_string(&ConfirmedResponse { booking: booking.into() })),
        Outcome::Waitlisted(_) | Outcome::WishWaitlisted(_) => {
            let (waitlist_entry, waitlist_entries) = entries_of(outcome)?;
            (202, serde_json::to_string(&WaitlistedResponse { status: "waitlisted", waitlist_entry, waitlist_entries }))
        }
        Outcome::Returned(booking) => (200, serde_json::to_string(&ReturnedResponse { booking: booking.into() })),
        Outcome::Left(_) | Outcome::WishLeft(_) => {
            let (waitlist_entry, waitlist_entries) = entries_of(outcome)?;
            (200, serde_json::to_string(&LeftResponse { waitlist_entry, waitlist_entries }))
        }
        Outcome::EntryChanged(_) | Outcome::WishChanged(_) => {
            let (waitlist_entry, waitlist_entries) = entries_of(outcome)?;
            (200, serde_json::to_string(&ChangedEntryResponse { waitlist_entry, waitlist_entries }))
        }
        Outcome::TransferOffered(row) => (201, serde_json::to_string(&TransferResponse { transfer: TransferResource::for_sender(row) })),
        Outcome::TransferAccepted(row) => (200, serde_json::to_string(&TransferResponse { transfer: TransferResource::for_receiver(row) })),
        Outcome::TransferEnded(row) => {
            let is_receiver = row.transfer.status == TransferStatus::Declined;
            let transfer = if is_receiver { TransferResource::for_receiver(row) } else { TransferResource::for_sender(row) };
            (200, serde_json::to_string(&TransferResponse { transfer }))
        }
        Outcome::Changed(changed) => {
            etag = Some(event_etag(&changed.event).to_string());
            (200, serde_json::to_string(&ChangedEventResource::from(&**changed)))
        }
        Outcome::Deleted
        | Outcome::Reallocated(_)
        | Outcome::Expired(_)
        | Outcome::Replayed(_)
        | Outcome::Refused(_)
        | Outcome::Skipped => return None,
    };
    Some(RenderedResponse { status, body: body.ok()?, etag })
}

/// Returns the response to a command of a client.
pub(crate) fn respond(outcome: Result<Outcome, CommandError>) -> Result<HttpResponse, Problem> {
    match outcome.map_err(|error| problem_of_error(&error))? {
        Outcome::Replayed(response) => Ok(send(response, true)),
        Outcome::Refused(refusal) => Err(problem_of_refusal(refusal)),
        other => render(&other).map(|response| send(response, false)).ok_or_else(unexpected),
    }
}

fn send(rendered: RenderedResponse, replayed: bool) -> HttpResponse {
    let mut response = HttpResponseBuilder::new(StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::OK));
    if replayed {
        response.insert_header(REPLAYED_HEADER);
    }
    if let Some(etag) = rendered.etag {
        response.insert_header((header::ETAG, etag));
    }
    response.content_type("application/json").body(rendered.body)
}

/// Returns the problem for an outcome that the command cannot have, which indicates a bug.
pub(crate) fn unexpected() -> Problem {
    Problem::internal(&CommandError::Failed("the command returned an outcome that it cannot have".to_owned()))
}

/// Returns the problem for a command that failed without a decision, and logs it.
pub(crate) fn problem_of_error(error: &CommandError) -> Problem {
    match error {
        CommandError::Unavailable(_) => {
            tracing::warn!(%error, "a command was not run; nothing was changed");
            Problem::new(ProblemCode::Unavailable, "The database cannot be reached at the moment. Nothing was changed; please try again.")
        }
        CommandError::Overloaded => {
            Problem::new(ProblemCode::Overloaded, "The service is overloaded. Nothing was changed; please try again.")
        }
        CommandError::Busy(_) => {
            tracing::warn!(%error, "a command was not run; nothing was changed");
            Problem::new(
                ProblemCode::Overloaded,
                "There are too many requests for the same tickets at the moment. Nothing was changed; please try again.",
            )
            .retry_after(Duration::from_secs(1))
        }
        CommandError::Unknown(_) => {
            tracing::error!(%error, "the outcome of a command is unknown");
            Problem::new(
                ProblemCode::OutcomeUnknown,
                "The database did not confirm in time whether the request took effect. If you sent an Idempotency-Key, repeat the request with the same key: it takes effect at most once. Otherwise, check first whether the request took effect.",
            )
        }
        CommandError::Failed(_) => Problem::internal(error),
    }
}

/// Returns the problem for a command that the domain rules refused.
pub(crate) fn problem_of_refusal(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::EventNotFound => Problem::new(ProblemCode::EventNotFound, "There is no event with this id."),
        Refusal::TicketTypeNotFound(_) => Problem::invalid_field("ticketTypeId", "is not a ticket type of this event"),
        Refusal::TicketTypesNotFound(ids) => problem_of_unknown_types("ticketTypes", &ids),
        Refusal::WishedTypesNotFound(ids) => problem_of_unknown_types("ticketTypeIds", &ids),
        Refusal::Book(refusal) => problem_of_booking(refusal),
        Refusal::Wish(refused) => problem_of_wish(refused),
        Refusal::AlreadyWaiting(entry) => Problem::new(
            ProblemCode::AlreadyWaiting,
            "You are already on the waiting list of this ticket type. To change how many tickets you wait for, use POST /api/changewaitlist.",
        )
        .with("waitlistEntryId", entry.entry.id.to_string())
        .with("ticketTypeId", entry.entry.key.ticket_type.to_string())
        .with("quantity", entry.entry.size.quantity)
        .with("minQuantity", entry.entry.size.min_quantity)
        .with("position", entry.position),
        Refusal::BookingNotFound => Problem::new(ProblemCode::BookingNotFound, "You have no such booking."),
        Refusal::AmbiguousBooking(ids) => {
            Problem::new(ProblemCode::AmbiguousBooking, "You have, or had, several bookings at this event, so eventId alone is ambiguous. Send one of bookingIds as bookingId.")
                .with("bookingIds", ids.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        Refusal::MoreThanBooked { booked } => {
            Problem::invalid_field("quantity", format!("must be at most {booked}, the number of tickets in the booking"))
        }
        Refusal::CheckedIn { unused } => problem_of_used_tickets(unused),
        Refusal::EntryNotFound => Problem::new(ProblemCode::WaitlistEntryNotFound, "You have no such waiting-list entry."),
        Refusal::AmbiguousEntry(ids) => {
            Problem::new(ProblemCode::AmbiguousWaitlistEntry, "You have, or had, several waiting-list entries at this event, so eventId alone is ambiguous. Send one of waitlistEntryIds as waitlistEntryId.")
                .with("waitlistEntryIds", ids.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        Refusal::MinQuantityAboveQuantity { quantity } => {
            Problem::invalid_field("minQuantity", format!("must be at most {quantity}, the quantity of the entry"))
        }
        Refusal::AlreadyPromoted(booking) => {
            Problem::new(ProblemCode::AlreadyPromoted, "This waiting-list entry has already been promoted to a booking. Cancel the booking instead.")
                .with("bookingId", booking.to_string())
        }
        Refusal::KeyReused => Problem::new(
            ProblemCode::IdempotencyKeyReused,
            "This Idempotency-Key was used for another request at this event. Use a fresh key for each request, and the same one only to repeat it.",
        ),
        Refusal::VersionMismatch => {
            Problem::new(ProblemCode::PreconditionFailed, "The event has changed since you read it. Read it again and repeat your change.")
        }
        Refusal::CapacityBelowBooked(id, error) => problem_of_capacity(error).with("ticketTypeId", id.to_string()),
        Refusal::Confirm(refusal) => problem_of_confirmation(refusal),
        Refusal::Transfer(refusal) => problem_of_transfer(refusal),
        Refusal::Return(ReturnRefusal::EventBegun) => {
            Problem::new(ProblemCode::EventBegun, "The event has started, so its tickets can no longer be returned.")
        }
        Refusal::Return(ReturnRefusal::DeadlinePassed { deadline }) => {
            let deadline = deadline.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            let detail = format!("Tickets could be returned until {deadline}; see cancelUntil of the event.");
            Problem::new(ProblemCode::CancellationClosed, detail).with("cancelUntil", deadline)
        }
        Refusal::WaitlistWouldClose { entries, held_tickets } => Problem::new(
            ProblemCode::WaitlistWouldClose,
            "The change would end the waiting list now and close its entries. Send closeWaitlist: true to confirm.",
        )
        .with("waitlistEntries", entries)
        .with("heldTickets", held_tickets),
        Refusal::WrongStatus(_) => {
            Problem::new(ProblemCode::EventCancelled, "The event is cancelled. Only its name, description, venue and time zone can still be changed.")
        }
        Refusal::HasBookings(sold) => problem_of_bookings_on_record(sold),
        Refusal::ConflictingTimes(wrong) => Problem::invalid_input(
            wrong.into_iter().map(|time| FieldError { field: time.field.to_owned(), message: time.reason.to_owned() }).collect(),
        ),
    }
}

fn problem_of_unknown_types(field: &str, ids: &[TicketTypeId]) -> Problem {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    Problem::invalid_field(field, format!("contains ids that are not ticket types of this event: {}", ids.join(", ")))
}

/// Returns the problem for a return of tickets of which too many were checked in.
fn problem_of_used_tickets(unused: u32) -> Problem {
    let detail = match unused {
        0 => "All tickets of this booking are checked in, so none can be returned.".to_owned(),
        1 => "Checked-in tickets cannot be returned. Only 1 ticket of this booking is not checked in.".to_owned(),
        unused => format!("Checked-in tickets cannot be returned. Only {unused} tickets of this booking are not checked in."),
    };
    Problem::new(ProblemCode::AlreadyCheckedIn, detail).with("returnable", unused)
}

/// Returns the problem for an event that can be neither deleted nor turned back into a draft, because it has or had bookings or
/// entries.
fn problem_of_bookings_on_record(SalesHistory { bookings, entries }: SalesHistory) -> Problem {
    let count = |number: u32, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        1000.. => format!("1,000 or more {many}"),
        number => format!("{number} {many}"),
    };
    let detail = format!(
        "The event has or had {} and {}, which stay on record, so it can be neither deleted nor turned back into a draft. Cancel it with POST /admin/events/{{eventId}}/cancel instead.",
        count(bookings, "booking", "bookings"),
        count(entries, "waiting-list entry", "waiting-list entries")
    );
    Problem::new(ProblemCode::EventHasBookings, detail).with("bookings", bookings).with("waitlistEntries", entries)
}

fn problem_of_capacity(CapacityBelowBooked { booked, reserved }: CapacityBelowBooked) -> Problem {
    let detail = match (booked, reserved) {
        (1, 0) => "1 ticket of this type is booked, so it cannot have fewer than 1.".to_owned(),
        (booked, 0) => format!("{booked} tickets of this type are booked, so it cannot have fewer than {booked}."),
        (booked, reserved) => {
            let taken = booked.saturating_add(reserved);
            format!("Of this type, {booked} tickets are booked and {reserved} are reserved, so it cannot have fewer than {taken}.")
        }
    };
    Problem::new(ProblemCode::CapacityBelowBooked, detail).with("bookedTickets", booked).with("reservedTickets", reserved)
}

fn problem_of_confirmation(refusal: ConfirmRefusal) -> Problem {
    match refusal {
        ConfirmRefusal::Expired { expired_at } => {
            let expired_at = expired_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            let detail = format!("The booking had to be confirmed before {expired_at}. Book again, or join the waiting list.");
            Problem::new(ProblemCode::ReservationExpired, detail).with("expiresAt", expired_at)
        }
        ConfirmRefusal::BookingCancelled => {
            Problem::new(ProblemCode::BookingCancelled, "The booking is cancelled, so it cannot be confirmed. Book again.")
        }
        ConfirmRefusal::EventCancelled => {
            Problem::new(ProblemCode::EventCancelled, "The event is cancelled, so its bookings cannot be confirmed.")
        }
        ConfirmRefusal::EventOver => Problem::new(ProblemCode::EventOver, "The event is over, so its bookings cannot be confirmed."),
    }
}

fn problem_of_transfer(refusal: TransferRefusal) -> Problem {
    match refusal {
        TransferRefusal::NotFound => {
            Problem::new(ProblemCode::TransferNotFound, "There is no such transfer, or the token of the link is wrong.")
        }
        TransferRefusal::Ended(status) => {
            let detail = match status {
                TransferStatus::Accepted => "The tickets were accepted with another account.",
                TransferStatus::Withdrawn => "The transfer was withdrawn, so the tickets are no longer offered.",
                TransferStatus::Declined => "The transfer was declined, so the tickets are no longer offered.",
                TransferStatus::Lapsed | TransferStatus::Pending => "The transfer has lapsed, so the tickets are no longer offered.",
            };
            Problem::new(ProblemCode::TransferEnded, detail).with("transferStatus", status.as_str())
        }
        TransferRefusal::Own => {
            Problem::new(ProblemCode::OwnTransfer, "You offered these tickets yourself. Only another account can accept them.")
        }
        TransferRefusal::BookingReserved => {
            Problem::new(ProblemCode::BookingNotConfirmed, "The booking is only reserved. Confirm it before you offer its tickets.")
        }
        TransferRefusal::BookingCancelled => Problem::new(
            ProblemCode::BookingCancelled,
            "The booking is cancelled or has expired, so it has no tickets that could be transferred.",
        ),
        TransferRefusal::CheckedIn { unused } => {
            let tickets =
                if unused == 1 { "1 ticket of the booking is".to_owned() } else { format!("{unused} tickets of the booking are") };
            let detail = format!("Checked-in tickets cannot be transferred. Only {tickets} not checked in.");
            Problem::new(ProblemCode::AlreadyCheckedIn, detail).with("transferable", unused)
        }
        TransferRefusal::Promised { free } => {
            let tickets = if free == 1 { "1 ticket of the booking is".to_owned() } else { format!("{free} tickets of the booking are") };
            let detail = format!("Only {tickets} not offered to somebody else. Withdraw a pending transfer first.");
            Problem::new(ProblemCode::TicketsOffered, detail).with("transferable", free)
        }
        TransferRefusal::TooManyOffers => {
            Problem::new(ProblemCode::RateLimited, "The tickets of this booking were offered too often today. Try again tomorrow.")
                .retry_after(Duration::from_secs(60 * 60))
        }
        TransferRefusal::Time(TransferTimeRefusal::EventBegun) => {
            Problem::new(ProblemCode::EventBegun, "The event has started, so its tickets can no longer be transferred.")
        }
        TransferRefusal::Time(TransferTimeRefusal::EventCancelled) => {
            Problem::new(ProblemCode::EventCancelled, "The event is cancelled, so its tickets cannot be transferred.")
        }
    }
}

fn problem_of_booking(refusal: BookRefusal) -> Problem {
    match refusal {
        BookRefusal::NotPublic => Problem::new(ProblemCode::EventNotFound, "There is no event with this id."),
        BookRefusal::EventCancelled => {
            Problem::new(ProblemCode::EventCancelled, "The event is cancelled, so its tickets are no longer on sale.")
        }
        BookRefusal::SalesClosed => {
            Problem::new(ProblemCode::SalesClosed, "Tickets are not on sale at this time; see salesStartAt and salesEndAt of the event.")
        }
        BookRefusal::QuantityTooLarge { max } => {
            Problem::invalid_field("quantity", format!("must be from 1 to {max} for this ticket type"))
        }
        BookRefusal::QuantityAboveTotal { total: 1 } => {
            Problem::invalid_field("quantity", "must be 1, because there is 1 ticket of this type in total")
        }
        BookRefusal::QuantityAboveTotal { total } => {
            Problem::invalid_field("quantity", format!("must be at most {total}, because there are {total} tickets of this type in total"))
        }
        BookRefusal::AccountLimit { max } => Problem::new(
            ProblemCode::AccountLimit,
            format!("An account may have at most {max} of these tickets, booked, reserved and waited for together."),
        )
        .with("maxPerAccount", max),
        BookRefusal::AlreadyWaiting => {
            Problem::new(ProblemCode::AlreadyWaiting, "You are already on the waiting list of this ticket type.")
        }
        BookRefusal::SoldOut => Problem::new(ProblemCode::SoldOut, "There are not enough tickets left for this request."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejections_are_not_stored_for_retries() {
        assert_eq!(render(&Outcome::Refused(Refusal::EventNotFound)), None);
        assert_eq!(render(&Outcome::Skipped), None);
    }
}
