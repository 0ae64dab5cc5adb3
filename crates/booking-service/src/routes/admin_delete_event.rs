//! `DELETE /admin/events/{eventId}`: deletes an event that never had a booking or a waiting-list entry. Only the audit log keeps
//! a record of it.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{AccountId, EventId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{EventVersionHeader, IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, KeyedRequest, REPLAYED};
use rowlock_inventory::command::Delete;
use rowlock_inventory::{Command, Outcome, Refusal, auditlog};

use super::admin_change_event::expected_version;
use super::{event_in, examples};
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::service::Booking;

route_problems!(
    DeleteEventProblems = Problems::for_administrators().with_input().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::PreconditionFailed,
        ProblemCode::EventHasBookings
    ])
);

/// Delete an event that never had a booking or a waiting-list entry.
///
/// Deletes drafts, and published or cancelled events that never had a booking or a waiting-list entry, not even one that has
/// ended. Any other event gets 409 `event-has-bookings`: cancel it instead.
#[utoipa::path(
    delete,
    path = "/admin/events/{eventId}",
    operation_id = "deleteEvent",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), EventVersionHeader, IdempotencyKeyHeader),
    responses(
        (
            status = 204,
            description = "The event no longer exists.",
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time."))
        ),
        DeleteEventProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn delete_event(
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let event = event_in(&path)?;
    let keyed = KeyedRequest::of_path(&request)?.is_some();
    let delete = Delete { event, expected_version: expected_version(&request)?, actor: admin.actor() };
    let outcome = booking.lanes.run(Command::Delete(Box::new(delete))).await;
    booking.reads.forget();
    match outcome.map_err(|error| problem_of_error(&error))? {
        Outcome::Deleted => Ok(HttpResponse::NoContent().finish()),
        Outcome::Refused(Refusal::EventNotFound) if keyed && deleted_before(&booking, event, admin.sub).await? => {
            Ok(HttpResponse::NoContent().insert_header(REPLAYED).finish())
        }
        Outcome::Refused(refusal) => Err(problem_of_refusal(refusal)),
        _ => Err(unexpected()),
    }
}

/// Returns whether the request repeats one that deleted the event. The idempotency keys of an event are deleted with it, so the
/// audit log has to tell; this works because the id of an event is never reused.
async fn deleted_before(booking: &Booking, event: EventId, administrator: AccountId) -> Result<bool, Problem> {
    let now = booking.clock.now();
    Ok(booking.reader.run(async |conn| auditlog::was_deleted_by(conn, event, administrator, now).await).await?)
}
