//! `POST /admin/events/{eventId}/cancel`: cancels an event.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{EventVersionHeader, IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, REPLAYED};
use rowlock_inventory::command::{Change, Reallocate, Reallocated, Step};
use rowlock_inventory::{Command, Outcome, queries};

use super::admin_change_event::expected_version;
use super::{bare_idempotency, etag, event_in, examples, no_such_event};
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::resources::EventResource;
use crate::service::Booking;

/// How long the request itself cancels bookings. The worker cancels the remaining ones.
const IN_REQUEST: Duration = Duration::from_secs(2);

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
            description = "The event as it is now.",
            body = EventResource,
            headers(
                ("ETag" = String, description = "The version of the event, for `If-Match`."),
                ("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")
            ),
            example = json!(examples::cancelled_event())
        ),
        CancelEventProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn cancel_event(
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let id = event_in(&path)?;
    let change = Change {
        step: Some(Step::Cancel),
        expected_version: expected_version(&request)?,
        actor: Some(admin.actor()),
        idempotency: bare_idempotency(&request)?,
        ..Change::of(id)
    };
    let outcome = booking.lanes.run(Command::Change(Box::new(change))).await.map_err(|error| problem_of_error(&error))?;
    let event = match outcome {
        Outcome::Changed(changed) => changed.event,
        // A cancelled event stays cancelled, so a repeated request gets the current event, which may have fewer bookings left to
        // cancel than the first response showed.
        Outcome::Replayed(_) => {
            let event = booking.reader.run(async |conn| queries::event(conn, id).await).await?.ok_or_else(no_such_event)?;
            return Ok(HttpResponse::Ok().insert_header(REPLAYED).insert_header(etag(&event)).json(EventResource::from(&event)));
        }
        Outcome::Refused(refusal) => return Err(problem_of_refusal(refusal)),
        _ => return Err(unexpected()),
    };
    booking.reads.forget();
    let started = Instant::now();
    for key in event.types.iter().map(|ticket_type| ticket_type.key) {
        // The status is committed, so an error from here on is not the client's concern: the sweep completes the cancellation.
        while started.elapsed() < IN_REQUEST && wind_down(&booking, key).await {}
    }
    // The cancellation is committed even if the event cannot be read again.
    let now = booking.reader.run(async |conn| queries::event(conn, id).await).await;
    let event = now.ok().flatten().unwrap_or(event);
    Ok(HttpResponse::Ok().insert_header(etag(&event)).json(EventResource::from(&event)))
}

/// Cancels one chunk of bookings or entries. Returns whether more are left; an error counts as no.
async fn wind_down(booking: &Booking, key: TypeKey) -> bool {
    let command = Command::Reallocate(Reallocate { key, limit: booking.cancel_chunk });
    matches!(booking.inventory.run_one(command).await, Ok(Outcome::Reallocated(Reallocated { unfinished: true, .. })))
}
