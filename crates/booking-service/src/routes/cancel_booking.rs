//! `POST /api/cancelbooking`: returns all or some tickets of a booking.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{BookingId, EventId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, JsonFields, integer, text};
use rowlock_inventory::command::{Authority, Cancel, Target};
use rowlock_inventory::{Command, queries};
use utoipa::ToSchema;

use super::{examples, idempotency, single_type, within_limit};
use crate::outcome::{Returned, respond};
use crate::service::Booking;

/// The booking to cancel: `bookingId`, or `eventId` for the only confirmed booking at that event. Exactly one of the two.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `cancel_booking` reads")]
struct CancelBooking {
    #[schema(format = Uuid)]
    booking_id: Option<String>,
    #[schema(format = Uuid)]
    event_id: Option<String>,
    /// Number of tickets to return, at most as many as the booking has; all of them if omitted. Each request for a part of the
    /// booking returns that many tickets again, unless it is repeated with its `Idempotency-Key`.
    #[schema(minimum = 1, maximum = 100)]
    quantity: Option<i64>,
}

route_problems!(
    CancelProblems = Problems::for_users().with_body().changing().limited().and(&[
        ProblemCode::BookingNotFound,
        ProblemCode::AmbiguousBooking,
        ProblemCode::EventBegun,
        ProblemCode::CancellationClosed,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Cancel a booking or return some of its tickets.
///
/// Returned tickets go to the waiting list. Tickets can be returned until the event starts, or until its `cancelUntil`.
///
/// A repeated request never cancels another booking. With `bookingId`, a booking that is already cancelled is returned
/// unchanged. With `eventId`, an account without a confirmed booking gets the booking that was cancelled last, unchanged; an
/// account with several confirmed bookings, or with one that it booked after it had cancelled another, gets 409
/// `ambiguous-booking`, because the request could be the repetition of an older one. An `Idempotency-Key` resolves that: a
/// request with a new key is a new request, so the only confirmed booking is cancelled whatever was cancelled before.
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
            description = "The booking as it is now.",
            body = Returned,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!({"booking": examples::booking()})
        ),
        CancelProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn cancel_booking(
    caller: Caller,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    within_limit(&booking, &request, &caller)?;
    let idempotency = idempotency(&request, &mut body);
    let meant = one_of(&mut body, "bookingId", "eventId");
    let id = body.optional("bookingId", text::<BookingId>);
    let event = body.optional("eventId", text::<EventId>);
    let quantity = body.optional("quantity", integer(Quantity::new));
    let (idempotency, id, event, quantity) = body.finish((|| meant.and(Some((idempotency?, id?, event?, quantity?))))())?;
    let account = caller.sub;
    let (event, target) = match (id, event) {
        (Some(id), _) => {
            let key = booking.reader.run(async |conn| queries::booking_key(conn, account, id).await).await?.ok_or_else(not_found)?;
            (key.event, Target::One(id, key.ticket_type))
        }
        (None, Some(event)) => (event, Target::OnlyOne(single_type(&booking, event).await?)),
        (None, None) => return Err(not_found()),
    };
    let command = Command::Cancel(Cancel { event, account, target, quantity, idempotency, authority: Authority::Holder });
    respond(booking.lanes.run(command).await)
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::BookingNotFound, "You have no such booking.")
}

/// Records an error unless exactly one of two fields is given.
pub(super) fn one_of(body: &mut JsonFields, id: &str, event: &str) -> Option<()> {
    match (body.has(id), body.has(event)) {
        (true, true) => body.add_error(event, format!("must not be given together with {id}")),
        (false, false) => {
            body.add_error(id, format!("is required, or {event}"));
            body.add_error(event, format!("is required, or {id}"));
        }
        _ => return Some(()),
    }
    None
}
