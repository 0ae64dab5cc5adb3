//! `POST /admin/events/{eventId}/cancel`: cancels an event.

use std::time::{Duration, Instant};

use actix_web::http::header::ETag;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{EventVersionHeader, IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Organiser, REPLAYED_HEADER};
use rowlock_inventory::command::{ChangeEvent, Reallocate, ReallocationSummary, StatusTransition};
use rowlock_inventory::{Command, Outcome, queries};

use super::command::idempotency_without_body;
use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::etag::{event_etag, expected_version};
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::resources::EventResource;
use crate::state::AppState;

/// How long the request itself cancels bookings. The worker cancels the remaining ones.
const MAX_TIME_IN_REQUEST: Duration = Duration::from_secs(2);

route_problems!(
    CancelEventProblems = Problems::for_administrators().with_input().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::PreconditionFailed,
        ProblemCode::IdempotencyKeyReused
    ])
);

// The status is committed first, which ends sales; bookings are then cancelled and waiting-list entries closed in chunks. If the
// request is interrupted or runs out of time, the worker's sweep completes the cancellation.
/// Cancel an event.
///
/// Sales end immediately; all bookings are cancelled and all waiting-list entries are closed. For a large event this continues
/// after the response. Cancelling an event that is already cancelled has no effect.
#[utoipa::path(
    post,
    path = "/admin/events/{eventId}/cancel",
    operation_id = "cancelEvent",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), EventVersionHeader, IdempotencyKeyHeader),
    responses(
        (
            status = 200,
            description = "The event in its current state.",
            body = EventResource,
            headers(
                ("ETag" = String, description = "The version of the event, for `If-Match`."),
                ("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")
            ),
            example = json!(examples::cancelled_event())
        ),
        CancelEventProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn cancel_event(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    let change = ChangeEvent {
        transition: Some(StatusTransition::Cancel),
        expected_version: expected_version(&request)?,
        actor: Some(admin.actor()),
        idempotency: idempotency_without_body(&request)?,
        ..ChangeEvent::unchanged(id)
    };
    let outcome = state.lanes.run(Command::ChangeEvent(Box::new(change))).await.map_err(|error| problem_of_error(&error))?;
    let event = match outcome {
        Outcome::Changed(changed) => changed.event,
        // A cancelled event stays cancelled, so a repeated request gets the current event, which may have fewer bookings left to
        // cancel than the first response showed.
        Outcome::Replayed(_) => {
            let event = state.reader.run(async |conn| queries::event(conn, id).await).await?.ok_or_else(event_not_found)?;
            return Ok(HttpResponse::Ok()
                .insert_header(REPLAYED_HEADER)
                .insert_header(ETag(event_etag(&event)))
                .json(EventResource::from(&event)));
        }
        Outcome::Refused(refusal) => return Err(problem_of_refusal(refusal)),
        _ => return Err(unexpected()),
    };
    state.event_cache.invalidate();
    let started = Instant::now();
    for key in event.types.iter().map(|ticket_type| ticket_type.key) {
        // The status is committed, so an error from here on is not the client's concern: the sweep completes the cancellation.
        while started.elapsed() < MAX_TIME_IN_REQUEST && cancel_next_chunk(&state, key).await {}
    }
    // The cancellation is committed even if the event cannot be read again.
    let now = state.reader.run(async |conn| queries::event(conn, id).await).await;
    let event = now.ok().flatten().unwrap_or(event);
    Ok(HttpResponse::Ok().insert_header(ETag(event_etag(&event))).json(EventResource::from(&event)))
}

/// Cancels one chunk of bookings or entries. Returns whether more are left; an error counts as no.
async fn cancel_next_chunk(state: &AppState, key: TypeKey) -> bool {
    let command = Command::Reallocate(Reallocate { key, limit: state.cancel_chunk });
    matches!(state.inventory.run_one(command).await, Ok(Outcome::Reallocated(ReallocationSummary { unfinished: true, .. })))
}
