//! `POST /admin/bookings/{bookingId}/cancel`: cancels or reduces a booking on behalf of its holder.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::BookingId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Title;
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonFields, integer, text};
use rowlock_inventory::command::{Authority, ByAdministrator, Cancel, Target};
use rowlock_inventory::{Command, Outcome, Refusal, queries};
use utoipa::ToSchema;

use super::{examples, path_idempotency};
use crate::outcome::{Returned, respond};
use crate::service::Booking;

/// How much of the booking to cancel, and why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `cancel_booking` reads")]
struct AdminCancelBooking {
    /// Number of tickets to return, at most as many as the booking has; all of them by default.
    #[schema(minimum = 1, maximum = 100)]
    quantity: Option<i64>,
    /// Recorded in the audit log. Must not contain personal data.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

route_problems!(
    CancelProblems =
        Problems::for_administrators().with_body().changing().and(&[ProblemCode::BookingNotFound, ProblemCode::IdempotencyKeyReused])
);

/// Cancel or reduce a booking of any account.
///
/// Returned tickets go to the waiting list, and the same messages are published as when the holder cancels. The audit log
/// records the administrator and the reason. A booking that is already cancelled is returned unchanged.
#[utoipa::path(
    post,
    path = "/admin/bookings/{bookingId}/cancel",
    operation_id = "adminCancelBooking",
    tag = "administration",
    params(("bookingId" = Uuid, Path, description = "The booking.", example = json!(examples::BOOKING)), IdempotencyKeyHeader),
    request_body(content = AdminCancelBooking, example = json!(examples::admin_cancel())),
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
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let idempotency = path_idempotency(&request, &mut body);
    let quantity = body.optional("quantity", integer(Quantity::new));
    let reason = body.optional("reason", text::<Title>);
    let (idempotency, quantity, reason) = body.finish((|| Some((idempotency?, quantity?, reason?)))())?;
    let id: BookingId = path.parse().map_err(|_| not_found())?;
    let found = booking.reader.run(async |conn| queries::find_booking(conn, id).await).await?;
    let (key, account) = found.ok_or_else(not_found)?;
    let command = Command::Cancel(Cancel {
        event: key.event,
        account,
        target: Target::One(id, key.ticket_type),
        quantity,
        idempotency,
        authority: Authority::Administrator(Box::new(ByAdministrator { actor: admin.actor(), reason })),
    });
    match booking.lanes.run(command).await {
        Ok(Outcome::Refused(Refusal::BookingNotFound)) => Err(not_found()),
        outcome => respond(outcome),
    }
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::BookingNotFound, "There is no booking with this id.")
}
