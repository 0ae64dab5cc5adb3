//! The schema of an error response.

use std::borrow::Cow;

use rowlock_domain::problem::ProblemCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::enums::{AdminRole, one_of};
use crate::problem::FieldError;

/// An error response (RFC 9457). Clients decide by `code`; `detail` is for people. The members after `errors` occur with certain
/// codes only.
#[derive(Debug, ToSchema)]
#[schema(as = Problem)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "describes the result of `Problem::document`")]
pub struct ProblemDocument {
    /// `urn:rowlock:problem:` and the code.
    #[schema(pattern = "^urn:rowlock:problem:[a-z-]+$")]
    r#type: String,
    /// Summary of the problem type, the same for every occurrence.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    #[schema(value_type = ProblemCodes)]
    code: ProblemCode,
    /// A sentence that says what happened and what to do about it.
    detail: String,
    /// With `invalid-input` and `unknown-field`: every invalid field of the request.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldError>>,
    /// With `forbidden`: the least role of an administrator that may do this, if that is the reason.
    #[schema(nullable = false, value_type = Option<AdminRole>)]
    required_role: Option<String>,
    /// With `already-promoted`: the booking to which the entry was promoted.
    #[schema(nullable = false, format = Uuid)]
    booking_id: Option<String>,
    /// With `ambiguous-booking`: the bookings that match.
    #[schema(nullable = false)]
    booking_ids: Option<Vec<String>>,
    /// With `ambiguous-waitlist-entry`: the entries that match.
    #[schema(nullable = false)]
    waitlist_entry_ids: Option<Vec<String>>,
    /// With `already-waiting`: the account's open entry.
    #[schema(nullable = false, format = Uuid)]
    waitlist_entry_id: Option<String>,
    /// With `already-waiting`: the number of tickets of the entry.
    #[schema(nullable = false, minimum = 1)]
    quantity: Option<u32>,
    /// With `already-waiting`: the smallest number of tickets that the entry takes.
    #[schema(nullable = false, minimum = 1)]
    min_quantity: Option<u32>,
    /// With `already-waiting`: the position of the entry in the waiting list, from 1.
    #[schema(nullable = false, minimum = 1)]
    position: Option<i64>,
    /// With `capacity-below-booked` and `already-waiting`, and with `account-limit` of a request for several ticket types: the ticket type.
    #[schema(nullable = false, format = Uuid)]
    ticket_type_id: Option<String>,
    /// With `capacity-below-booked`: the number of its booked tickets.
    #[schema(nullable = false)]
    booked_tickets: Option<u32>,
    /// With `capacity-below-booked`: the number of its reserved tickets.
    #[schema(nullable = false)]
    reserved_tickets: Option<u32>,
    /// With `account-limit`: the maximum number of tickets of the type per account.
    #[schema(nullable = false)]
    max_per_account: Option<u32>,
    /// With `cancellation-closed`: the time until which tickets could be returned.
    #[schema(nullable = false, value_type = Option<DateTime>)]
    cancel_until: Option<String>,
    /// With `reservation-expired`: the time at which the reservation ended.
    #[schema(nullable = false, value_type = Option<DateTime>)]
    expires_at: Option<String>,
    /// With `event-has-bookings`: the number of bookings that the event has ever had, including cancelled ones. Counted up to 1,000.
    #[schema(nullable = false)]
    bookings: Option<u32>,
    /// With `waitlist-would-close`: the number of entries that the change would close. With `event-has-bookings`: the number of
    /// entries that the event has ever had, including those that have ended. Counted up to 1,000.
    #[schema(nullable = false)]
    waitlist_entries: Option<u32>,
    /// With `waitlist-would-close`: the number of tickets held for those entries.
    #[schema(nullable = false)]
    held_tickets: Option<u32>,
    /// With `already-checked-in`: the check-in of the ticket.
    #[schema(nullable = false, format = Uuid)]
    checkin_id: Option<String>,
    /// With `already-checked-in`: the time of the check-in.
    #[schema(nullable = false, value_type = Option<DateTime>)]
    checked_in_at: Option<String>,
    /// With `already-checked-in`: the door of the check-in, or null if it has no name.
    door: Option<String>,
    /// With `already-checked-in` at a door: the name of the holder.
    #[schema(nullable = false)]
    holder_name: Option<String>,
    /// With `already-checked-in` at a door: the name of the ticket type.
    #[schema(nullable = false)]
    ticket_type: Option<String>,
    /// With `already-checked-in` of a cancellation: the number of tickets that are not checked in and can be returned.
    #[schema(nullable = false)]
    returnable: Option<u32>,
    /// With `tickets-offered` and with `already-checked-in` of a transfer: the number of tickets that can be offered.
    #[schema(nullable = false)]
    transferable: Option<u32>,
    /// With `transfer-ended`: `accepted`, `withdrawn`, `declined` or `lapsed`.
    #[schema(nullable = false)]
    transfer_status: Option<String>,
    /// With `delivery-not-failed`: the status of the mail, `pending`, `sent` or `skipped`.
    #[schema(nullable = false)]
    delivery_status: Option<String>,
    /// With `ticket-invalid`: `unreadable`, `forged`, `other-event`, `key-removed` or `unknown`. With `ticket-void`: `returned`, `replaced` or
    /// `transferred`.
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// Schema of the codes, which lists all of them.
struct ProblemCodes;

impl PartialSchema for ProblemCodes {
    fn schema() -> RefOr<Schema> {
        let list = ProblemCode::ALL.iter().map(|code| format!("\n- `{}` ({}): {}", code.as_str(), code.status(), code.title()));
        one_of(
            ProblemCode::ALL.iter().map(|code| code.as_str()),
            list.fold("The stable code of the problem.\n".to_owned(), |all, one| all + &one),
        )
    }
}

impl ToSchema for ProblemCodes {
    fn name() -> Cow<'static, str> {
        "ProblemCode".into()
    }
}
