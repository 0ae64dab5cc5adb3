//! `POST /api/cancelbooking`: returns all or some tickets of a booking.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{BookingId, EventId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{InvalidBody, JsonBody};
use rowlock_inventory::Command;
use rowlock_inventory::command::{self, Authority};
use utoipa::ToSchema;

use super::command::{CommandBody, check_holder_command, require_exactly_one, run};
use super::examples;
use super::holder::TicketHolder;
use super::targets::users_booking;
use crate::resources::ReturnedResponse;
use crate::state::AppState;

/// The booking to cancel: `bookingId`, or `eventId` for the only confirmed or reserved booking at that event. Exactly one of the
/// two.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CancelBooking {
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    booking_id: Option<BookingId>,
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    event_id: Option<EventId>,
    /// Number of tickets to return, at most as many as the booking has; all of them if omitted. Each request for a part of the
    /// booking returns that many tickets again, unless it is repeated with its `Idempotency-Key`.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    quantity: Option<Quantity>,
}

impl CommandBody for CancelBooking {
    fn check_rules(body: &mut JsonBody<Self>, _: &AppState) {
        require_exactly_one(body, &["bookingId", "eventId"]);
    }
}

route_problems!(
    CancelProblems = Problems::for_ticket_holders().with_body().changing().limited().and(&[
        ProblemCode::BookingNotFound,
        ProblemCode::AmbiguousBooking,
        ProblemCode::EventBegun,
        ProblemCode::CancellationClosed,
        ProblemCode::AlreadyCheckedIn,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Cancel a booking or return some of its tickets.
///
/// Returned tickets go to the waiting list. Tickets can be returned until the event starts, or until its `cancelUntil`. A
/// reservation or an offer can be given up at any time. A booking that has expired is returned unchanged.
///
/// A repeated request never cancels another booking. With `bookingId`, a booking that is already cancelled is returned
/// unchanged. With `eventId`, an account without an open booking gets the booking that ended last, unchanged; an
/// account with several open bookings, or with one that it booked after another had ended, gets 409
/// `ambiguous-booking`, because the request could be the repetition of an older one. An `Idempotency-Key` resolves that: a
/// request with a new key is a new request, so the only open booking is cancelled whatever ended before.
#[utoipa::path(
    post,
    path = "/api/cancelbooking",
    operation_id = "cancelBooking",
    tag = "bookings",
    params(IdempotencyKeyHeader),
    request_body(content = CancelBooking, examples(
        ("a part" = (summary = "One ticket of a booking", value = json!(examples::cancel_part()))),
        ("all" = (summary = "The only booking at an event", value = json!(examples::cancel_all())))
    )),
    responses(
        (
            status = 200,
            description = "The booking in its current state.",
            body = ReturnedResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"booking": examples::booking()})
        ),
        CancelProblems
    ),
    security(("token" = []), ("guestLink" = [])),
)]
pub(super) async fn cancel_booking(
    holder: TicketHolder,
    request: HttpRequest,
    body: JsonBody<CancelBooking>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_holder_command(holder, &request, body, &state)?;
    let account = holder.account;
    let (event, target) = users_booking(&state, account, body.booking_id, body.event_id).await?;
    let command = Command::CancelBooking(command::CancelBooking {
        event,
        account,
        target,
        quantity: body.quantity,
        idempotency,
        authority: Authority::Holder,
    });
    run(&state, command).await
}
