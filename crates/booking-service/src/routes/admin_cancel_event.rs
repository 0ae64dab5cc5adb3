//! `POST /admin/events/{eventId}/cancel`: the event is called off.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::problem::ProblemCode;
use rowlock_inventory::command::{Change, Reallocate, Reallocated, Step};
use rowlock_inventory::{Command, Outcome, queries};
use rowlock_platform::http::AdminCaller;
use rowlock_platform::openapi::{EventVersionHeader, Problems};
use rowlock_platform::problem::Problem;
use rowlock_platform::route_problems;

use super::admin_change_event::expected_version;
use super::{etag, event_in, examples};
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::resources::EventResource;
use crate::service::Booking;

/// How long a request cancels bookings itself; what is left then is the worker's.
const IN_REQUEST: Duration = Duration::from_secs(2);

route_problems!(
    CancelEventProblems = Problems::for_administrators().changing().and(&[ProblemCode::EventNotFound, ProblemCode::PreconditionFailed])
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
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), EventVersionHeader),
    responses(
        (
            status = 200,
            description = "The event as it is now.",
            body = EventResource,
            headers(("ETag" = String, description = "The version of the event, for `If-Match`.")),
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
    let change =
        Change { step: Some(Step::Cancel), expected_version: expected_version(&request)?, actor: Some(admin.actor()), ..Change::of(id) };
    let outcome = booking.lanes.run(Command::Change(Box::new(change))).await.map_err(|error| problem_of_error(&error))?;
    let event = match outcome {
        Outcome::Changed(event) => event,
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
    let event = now.ok().flatten().unwrap_or(*event);
    Ok(HttpResponse::Ok().insert_header(etag(&event)).json(EventResource::from(&event)))
}

/// One chunk. Tells whether there is more.
async fn wind_down(booking: &Booking, key: TypeKey) -> bool {
    let command = Command::Reallocate(Reallocate { key, limit: booking.cancel_chunk });
    matches!(booking.inventory.run_one(command).await, Ok(Outcome::Reallocated(Reallocated { unfinished: true, .. })))
}
