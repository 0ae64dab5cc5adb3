//! `POST /admin/bookings/{bookingId}/cancel`: cancels or reduces a booking on behalf of its holder.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::BookingId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Title;
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, InvalidBody, JsonBody, Organiser};
use rowlock_inventory::command::{Authority, ByAdministrator, CancelBooking, Target};
use rowlock_inventory::{Command, Outcome, Refusal, queries};
use utoipa::ToSchema;

use super::command::{CommandBody, check_command};
use super::examples;
use crate::outcome::respond;
use crate::resources::ReturnedResponse;
use crate::state::AppState;

/// How much of the booking to cancel, and why.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminCancelBooking {
    /// Number of tickets to return, at most as many as the booking has; all of them by default.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    quantity: Option<Quantity>,
    /// Recorded in the audit log. Must not contain personal data.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    reason: Option<Title>,
}

impl CommandBody for AdminCancelBooking {}

route_problems!(
    CancelProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::BookingNotFound,
        ProblemCode::AlreadyCheckedIn,
        ProblemCode::IdempotencyKeyReused,
    ])
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
            description = "The booking in its current state.",
            body = ReturnedResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"booking": examples::booking()})
        ),
        CancelProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn cancel_booking(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<AdminCancelBooking>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_command(&request, body, &state)?;
    let id: BookingId = path.parse().map_err(|_| not_found())?;
    let found = state.reader.run(async |conn| queries::find_booking(conn, id).await).await?;
    let (key, account) = found.ok_or_else(not_found)?;
    let command = Command::CancelBooking(CancelBooking {
        event: key.event,
        account,
        target: Target::ById(id, key.ticket_type),
        quantity: body.quantity,
        idempotency,
        authority: Authority::Administrator(Box::new(ByAdministrator { actor: admin.actor(), reason: body.reason })),
    });
    match state.lanes.run(command).await {
        Ok(Outcome::Refused(Refusal::BookingNotFound)) => Err(not_found()),
        outcome => respond(outcome),
    }
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::BookingNotFound, "There is no booking with this id.")
}
