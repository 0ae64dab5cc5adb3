//! An example of each problem code.

use rowlock_domain::problem::ProblemCode;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::example::{Example, ExampleBuilder};

use crate::problem::{FieldError, Problem};

/// Returns an example for every code.
pub(in crate::openapi) fn examples() -> impl Iterator<Item = (String, RefOr<Example>)> {
    ProblemCode::ALL.iter().map(|code| {
        let example = ExampleBuilder::new().summary(code.title()).value(Some(example(*code).document())).build();
        (code.as_str().to_owned(), example.into())
    })
}

const BOOKING: &str = "01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05";
const OTHER_BOOKING: &str = "01936f1e-9a10-7d21-8e44-6b1f0c7a5e06";
const CHECKIN: &str = "01936f1f-1b20-7a00-92d3-7c5f6e4d3b09";
const ENTRY: &str = "01936f1f-0c30-7e10-a1b2-8d5e4f3c2b07";
const OTHER_ENTRY: &str = "01936f1f-2d40-7f00-b3c4-9e6f5a4d3c08";
const TICKET_TYPE: &str = "01936f1d-77a0-7c44-8d10-5e2b7a9c3f04";

/// Returns an example of a problem. The `match` is exhaustive, so that every code has one.
#[expect(clippy::too_many_lines, reason = "a table with one row per code")]
fn example(code: ProblemCode) -> Problem {
    let (detail, members): (&'static str, &[(&str, Value)]) = match code {
        ProblemCode::MalformedJson => ("The body must be a JSON object.", &[]),
        ProblemCode::UnknownField => {
            let message = "is not a known field; known fields: eventId, ticketTypeId, quantity, joinWaitlist";
            let errors = vec![FieldError { field: "quanity".to_owned(), message: message.to_owned() }];
            return Problem::new(code, "The body has unknown fields: quanity.").with_errors(errors);
        }
        ProblemCode::MalformedRequest => ("The request is not valid HTTP, or its address or headers are too long.", &[]),
        ProblemCode::Unauthenticated => ("The token is not valid or has expired. Log in again or refresh it.", &[]),
        ProblemCode::BadCredentials => ("The e-mail address or the password is wrong.", &[]),
        ProblemCode::WrongPassword => ("The current password is wrong. Nothing was changed.", &[]),
        ProblemCode::TotpRequired => ("Send the code of your authenticator app, or a recovery code, as `totp`.", &[]),
        ProblemCode::BadTotp => ("The code is wrong, expired or already used. Wait for the next one.", &[]),
        ProblemCode::TotpEnabled => ("Your account has a second factor. Disable it with POST /admin/disabletotp first.", &[]),
        ProblemCode::TotpNotPending => ("Request a secret with POST /admin/enabletotp first.", &[]),
        ProblemCode::InvalidRefreshToken => ("The refresh token is unknown, expired or already used. Log in again.", &[]),
        ProblemCode::AccountDisabled => ("This account is disabled. Contact the organizer, and mention the time of this response.", &[]),
        ProblemCode::Forbidden => ("Only administrators with the role `owner` can do this.", &[("requiredRole", json!("owner"))]),
        ProblemCode::NotFound => ("No route matches this URL.", &[]),
        ProblemCode::AccountNotFound => ("There is no account with this id.", &[]),
        ProblemCode::SessionNotFound => ("You have no session with this id.", &[]),
        ProblemCode::EventNotFound => ("There is no event with this id.", &[]),
        ProblemCode::BookingNotFound => ("You have no such booking.", &[]),
        ProblemCode::TicketNotFound => ("The booking has no valid ticket with this number.", &[]),
        ProblemCode::CheckinNotFound => ("The event has no check-in with this id.", &[]),
        ProblemCode::WaitlistEntryNotFound => ("You have no such waiting-list entry.", &[]),
        ProblemCode::LinkNotFound => ("The link is incomplete, expired or already used. Request a new one.", &[]),
        ProblemCode::TransferNotFound => ("There is no such transfer, or the token of the link is wrong.", &[]),
        ProblemCode::TransferEnded => {
            ("The transfer was withdrawn, so the tickets are no longer offered.", &[("transferStatus", json!("withdrawn"))])
        }
        ProblemCode::OwnTransfer => ("You offered these tickets yourself. Only another account can accept them.", &[]),
        ProblemCode::TicketsOffered => (
            "Only 1 ticket of the booking is not offered to somebody else. Withdraw a pending transfer first.",
            &[("transferable", json!(1))],
        ),
        ProblemCode::NotAGuest => ("The holder of this booking has an account, so there is no link to send.", &[]),
        ProblemCode::BookingNotConfirmed => ("The booking is only reserved. Confirm it before you offer its tickets.", &[]),
        ProblemCode::WebhookNotFound => ("There is no webhook with this id.", &[]),
        ProblemCode::DeliveryNotFound => ("The webhook has no delivery with this id.", &[]),
        ProblemCode::DeliveryNotFailed => {
            ("The mail is sent. Only mails that failed or are unclear can be sent again.", &[("deliveryStatus", json!("sent"))])
        }
        ProblemCode::WebhookDisabled => ("The webhook is disabled. Enable it first with POST /admin/webhooks/{webhookId}/enable.", &[]),
        ProblemCode::WebhookLimit => ("There are already 100 webhooks. Delete one that is no longer needed.", &[]),
        ProblemCode::ImageNotFound => ("The event has no picture.", &[]),
        ProblemCode::MethodNotAllowed => ("Use POST.", &[]),
        ProblemCode::MailDisabled => ("This installation sends no e-mail. Contact the organizer.", &[]),
        ProblemCode::EmailTaken => ("Another account has this e-mail address. Log in, or use another address.", &[]),
        ProblemCode::UsernameTaken => ("Another account has this username. Choose another one.", &[]),
        ProblemCode::LastAdministrator => {
            ("This is the last administrator with the role `owner`. Give another administrator this role first.", &[])
        }
        ProblemCode::NotAnAdministrator => ("This account is not an administrator's, so it has no role that could be changed.", &[]),
        ProblemCode::SoldOut => ("There are not enough tickets left for this request.", &[]),
        ProblemCode::AlreadyWaiting => (
            "You are already on the waiting list of this ticket type. To change how many tickets you wait for, use POST /api/changewaitlist.",
            &[("waitlistEntryId", json!("01936f1f-0c30-7e10-a1b2-8d5e4f3c2b07")), ("quantity", json!(2)), ("position", json!(1))],
        ),
        ProblemCode::AccountLimit => {
            ("An account may have at most 4 of these tickets, booked and waited for together.", &[("maxPerAccount", json!(4))])
        }
        ProblemCode::SalesClosed => ("Tickets are not on sale at this time; see salesStartAt and salesEndAt of the event.", &[]),
        ProblemCode::EventCancelled => ("The event is cancelled, so its tickets are no longer on sale.", &[]),
        ProblemCode::EventHasBookings => (
            "The event has or had 2 bookings and 1 waiting-list entry, which stay on record, so it can be neither deleted nor turned back into a draft. Cancel it with POST /admin/events/{eventId}/cancel instead.",
            &[("bookings", json!(2)), ("waitlistEntries", json!(1))],
        ),
        ProblemCode::EventBegun => ("The event has started, so its tickets can no longer be returned.", &[]),
        ProblemCode::CancellationClosed => (
            "Tickets could be returned until 2036-12-30T12:00:00Z; see cancelUntil of the event.",
            &[("cancelUntil", json!("2036-12-30T12:00:00Z"))],
        ),
        ProblemCode::ReservationExpired => (
            "The booking had to be confirmed before 2026-11-27T18:30:00.654321Z. Book again, or join the waiting list.",
            &[("expiresAt", json!("2026-11-27T18:30:00.654321Z"))],
        ),
        ProblemCode::BookingCancelled => ("The booking is cancelled, so it cannot be confirmed. Book again.", &[]),
        ProblemCode::EventOver => ("The event is over, so its bookings cannot be confirmed.", &[]),
        ProblemCode::AlreadyCheckedIn => (
            "This ticket was checked in at 2036-12-31T13:05:12Z at the door North.",
            &[("checkinId", json!(CHECKIN)), ("checkedInAt", json!("2036-12-31T13:05:12Z")), ("door", json!("North"))],
        ),
        ProblemCode::TicketCancelled => ("The booking of this ticket is cancelled. Do not admit anybody with it.", &[]),
        ProblemCode::TicketVoid => ("This ticket was given back. Do not admit anybody with it.", &[("reason", json!("returned"))]),
        ProblemCode::TicketInvalid => ("This ticket is for another event.", &[("reason", json!("other-event"))]),
        ProblemCode::ReplacementLimit => ("The codes of this booking were replaced so often that it has no numbers left.", &[]),
        ProblemCode::EventUndated => ("The event has no date yet, so there is no calendar entry for it.", &[]),
        ProblemCode::WaitlistWouldClose => (
            "The change would end the waiting list now and close its entries. Send closeWaitlist: true to confirm.",
            &[("waitlistEntries", json!(12)), ("heldTickets", json!(0))],
        ),
        ProblemCode::AmbiguousBooking => (
            "You have, or had, several bookings at this event, so eventId alone is ambiguous. Send one of bookingIds as bookingId.",
            &[("bookingIds", json!([BOOKING, OTHER_BOOKING]))],
        ),
        ProblemCode::AmbiguousWaitlistEntry => (
            "You have, or had, several waiting-list entries at this event, so eventId alone is ambiguous. Send one of waitlistEntryIds as waitlistEntryId.",
            &[("waitlistEntryIds", json!([ENTRY, OTHER_ENTRY]))],
        ),
        ProblemCode::AlreadyPromoted => (
            "This waiting-list entry has already been promoted to a booking. Cancel the booking instead.",
            &[("bookingId", json!(BOOKING))],
        ),
        ProblemCode::CapacityBelowBooked => (
            "180 tickets of this type are booked, so it cannot have fewer than 180.",
            &[("bookedTickets", json!(180)), ("reservedTickets", json!(0)), ("ticketTypeId", json!(TICKET_TYPE))],
        ),
        ProblemCode::PreconditionFailed => ("The event has changed since you read it. Read it again and repeat your change.", &[]),
        ProblemCode::BodyTooLarge => ("The request body is larger than the limit of 65536 bytes.", &[]),
        ProblemCode::UnsupportedMediaType => ("The Content-Type of a picture must be one of image/png, image/jpeg, image/webp.", &[]),
        ProblemCode::UnsupportedImage => ("The picture has 120 × 80 pixels. It needs at least 300 × 200.", &[]),
        ProblemCode::InvalidInput => return Problem::invalid_field("quantity", "must be from 1 to 100"),
        ProblemCode::IdempotencyKeyReused => (
            "This Idempotency-Key was used for another request at this event. Use a fresh key for each request, and the same one only to repeat it.",
            &[],
        ),
        ProblemCode::RateLimited => ("Too many logins from your IP address. Retry in 3 s.", &[]),
        ProblemCode::InternalError => ("The error has been logged. Trying again later may help.", &[]),
        ProblemCode::Unavailable => ("The database cannot be reached at the moment. Nothing was changed; please try again.", &[]),
        ProblemCode::Overloaded => ("The service is overloaded. Nothing was changed; please try again.", &[]),
        ProblemCode::OutcomeUnknown => (
            "The connection to the service was lost before it responded, so the request may have taken effect. If it had an Idempotency-Key, repeating it with the same key is safe; otherwise, check first whether it took effect.",
            &[],
        ),
    };
    members.iter().fold(Problem::new(code, detail), |problem, (name, value)| problem.with(name, value.clone()))
}
