//! `POST /api/confirmbooking`: confirms a reserved booking.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::BookingId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, InvalidBody, JsonBody};
use rowlock_inventory::command;
use rowlock_inventory::{Command, queries};
use utoipa::ToSchema;

use super::caller::record_enabled_account;
use super::command::{CommandBody, check_user_command, run};
use super::examples;
use super::targets::booking_not_found;
use crate::resources::ConfirmedResponse;
use crate::state::AppState;

/// The booking to confirm.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ConfirmBooking {
    #[schema(value_type = String, format = Uuid)]
    booking_id: BookingId,
}

impl CommandBody for ConfirmBooking {}

route_problems!(
    ConfirmProblems = Problems::for_users().with_body().changing().limited().and(&[
        ProblemCode::BookingNotFound,
        ProblemCode::ReservationExpired,
        ProblemCode::BookingCancelled,
        ProblemCode::EventCancelled,
        ProblemCode::EventOver,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Confirm a reserved booking.
///
/// A booking is reserved if its event has `checkoutMinutes`, or `offerMinutes` for a booking from the waiting list. It must be
/// confirmed before its `expiresAt`; afterwards the response is 409 `reservation-expired`. A reservation can be confirmed after
/// sales have closed, but not after the event has ended. A booking that is already confirmed is returned unchanged.
#[utoipa::path(
    post,
    path = "/api/confirmbooking",
    operation_id = "confirmBooking",
    tag = "bookings",
    params(IdempotencyKeyHeader),
    request_body(content = ConfirmBooking, example = json!(examples::confirm_booking())),
    responses(
        (
            status = 200,
            description = "The confirmed booking.",
            body = ConfirmedResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"booking": examples::booking()})
        ),
        ConfirmProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn confirm_booking(
    caller: Caller,
    request: HttpRequest,
    body: JsonBody<ConfirmBooking>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_user_command(&caller, &request, body, &state)?;
    let (account, booking) = (caller.sub, body.booking_id);
    let key = state.reader.run(async |conn| queries::booking_key(conn, account, booking).await).await?.ok_or_else(booking_not_found)?;
    record_enabled_account(&state, &caller).await?;
    run(&state, Command::Confirm(command::ConfirmBooking { key, account, booking, idempotency })).await
}
