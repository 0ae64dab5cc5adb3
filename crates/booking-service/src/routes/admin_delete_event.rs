//! `DELETE /admin/events/{eventId}`: deletes an event that never had a booking or a waiting-list entry. Only the audit log keeps
//! a record of it.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{AccountId, EventId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{EventVersionHeader, IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Organiser, REPLAYED_HEADER};
use rowlock_inventory::command::DeleteEvent;
use rowlock_inventory::{Command, Outcome, Refusal, auditlog};

use super::command::idempotency_without_body;
use super::examples;
use super::targets::event_in_path;
use crate::etag::expected_version;
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::state::AppState;

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
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key."))
        ),
        DeleteEventProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn delete_event(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    let has_key = idempotency_without_body(&request)?.is_some();
    let delete = DeleteEvent { event, expected_version: expected_version(&request)?, actor: admin.actor() };
    let outcome = state.lanes.run(Command::DeleteEvent(Box::new(delete))).await;
    state.event_cache.invalidate();
    match outcome.map_err(|error| problem_of_error(&error))? {
        Outcome::Deleted => Ok(HttpResponse::NoContent().finish()),
        Outcome::Refused(Refusal::EventNotFound) if has_key && deleted_before(&state, event, admin.sub).await? => {
            Ok(HttpResponse::NoContent().insert_header(REPLAYED_HEADER).finish())
        }
        Outcome::Refused(refusal) => Err(problem_of_refusal(refusal)),
        _ => Err(unexpected()),
    }
}

/// Returns whether the request repeats one that deleted the event. The idempotency keys of an event are deleted with it, so the
/// audit log has to tell; this works because the id of an event is never reused.
async fn deleted_before(state: &AppState, event: EventId, administrator: AccountId) -> Result<bool, Problem> {
    let now = state.clock.now();
    Ok(state.reader.run(async |conn| auditlog::was_deleted_by(conn, event, administrator, now).await).await?)
}
