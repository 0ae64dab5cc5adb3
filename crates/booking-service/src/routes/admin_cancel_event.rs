//! `POST /admin/events/{eventId}/cancel`: the event is called off.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TypeKey;
use rowlock_inventory::command::{Change, Reallocate, Reallocated, Step};
use rowlock_inventory::{Command, Outcome, queries};
use rowlock_platform::http::AdminCaller;
use rowlock_platform::problem::Problem;

use super::admin_change_event::expected_version;
use super::{etag, event_in};
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::resources::EventResource;
use crate::service::Booking;

/// How long a request cancels bookings itself; what is left then is the worker's.
const IN_REQUEST: Duration = Duration::from_secs(2);

/// Sets the status first, so nothing more is sold; then cancels bookings and closes waiting-list entries in chunks. If it
/// is interrupted or there is much to do, the worker's sweep does the rest. With `If-Match`, only if nobody changed it
/// meanwhile.
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
