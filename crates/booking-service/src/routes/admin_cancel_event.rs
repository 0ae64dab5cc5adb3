//! `POST /admin/events/{eventId}/cancel`: the event is called off.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::AdminCaller;
use rowlock_http::openapi::{EventVersionHeader, IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_inventory::command::{Change, Reallocate, Reallocated, Step};
use rowlock_inventory::{Command, Outcome, queries};

use super::admin_change_event::expected_version;
use super::{bare_idempotency, etag, event_in, examples, no_such_event};
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::resources::EventResource;
use crate::service::Booking;

/// How long a request cancels bookings itself; what is left then is the worker's.
const IN_REQUEST: Duration = Duration::from_secs(2);

route_problems!(
    CancelEventProblems = Problems::for_administrators().with_input().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::PreconditionFailed,
        ProblemCode::IdempotencyKeyReused
    ])
);

// Sets the status first, so nothing more is sold; then cancels bookings and closes waiting-list entries in chunks. If it is
// interrupted or there is much to do, the worker's sweep does the rest.
/// Call an event off.
///
/// Nothing more is sold from then on; bookings are cancelled and waiting-list entries closed. Of a large event that goes on
/// after the answer. An event that is cancelled already stays so.
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
        // An event stays cancelled, so the answer to a repeat is the event as it is now: with fewer bookings left to cancel
        // than the first answer may have had.
        Outcome::Replayed(_) => {
            let event = booking.reader.run(async |conn| queries::event(conn, id).await).await?.ok_or_else(no_such_event)?;
            let replayed = ("idempotent-replayed", "true");
            return Ok(HttpResponse::Ok().insert_header(replayed).insert_header(etag(&event)).json(EventResource::from(&event)));
        }
        Outcome::Refused(refusal) => return Err(problem_of_refusal(refusal)),
        _ => return Err(unexpected()),
    };
    booking.reads.forget();
    let started = Instant::now();
    for key in event.types.iter().map(|ticket_type| ticket_type.key) {
        // The status is committed; an error from here on costs the client nothing, the sweep comes anyway.
        while started.elapsed() < IN_REQUEST && wind_down(&booking, key).await {}
    }
    // What was done stands, whether or not the event can be read again.
    let now = booking.reader.run(async |conn| queries::event(conn, id).await).await;
    let event = now.ok().flatten().unwrap_or(event);
    Ok(HttpResponse::Ok().insert_header(etag(&event)).json(EventResource::from(&event)))
}

/// One chunk. Tells whether there is more.
async fn wind_down(booking: &Booking, key: TypeKey) -> bool {
    let command = Command::Reallocate(Reallocate { key, limit: booking.cancel_chunk });
    matches!(booking.inventory.run_one(command).await, Ok(Outcome::Reallocated(Reallocated { unfinished: true, .. })))
}
