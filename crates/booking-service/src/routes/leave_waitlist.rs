//! `POST /api/leavewaitlist`: a place in the queue is given up.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{EventId, WaitlistEntryId};
use rowlock_domain::problem::ProblemCode;
use rowlock_inventory::command::{Leave, Target};
use rowlock_inventory::{Command, queries};
use rowlock_platform::http::{Caller, JsonFields, text};
use rowlock_platform::problem::Problem;

use super::cancel_booking::one_of;
use super::{idempotency, within_limit};
use crate::outcome::respond;
use crate::service::Booking;

/// `{waitlistEntryId}` or `{eventId}` → 200 with the entry as it is now.
pub(super) async fn leave_waitlist(
    caller: Caller,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    within_limit(&booking, &request, &caller)?;
    let idempotency = idempotency(&request, &mut body);
    let meant = one_of(&mut body, "waitlistEntryId", "eventId");
    let id = body.optional("waitlistEntryId", text::<WaitlistEntryId>);
    let event = body.optional("eventId", text::<EventId>);
    let (idempotency, id, event) = body.finish((|| meant.and(Some((idempotency?, id?, event?))))())?;
    let account = caller.sub;
    let (event, target) = match (id, event) {
        (Some(id), _) => {
            let key = booking.reader.run(async |conn| queries::entry_key(conn, account, id).await).await?.ok_or_else(not_found)?;
            (key.event, Target::One(id, key.ticket_type))
        }
        (None, Some(event)) => (event, Target::OnlyOne),
        (None, None) => return Err(not_found()),
    };
    let command = Command::Leave(Leave { event, account, target, idempotency });
    respond(booking.lanes.run(command).await)
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::WaitlistEntryNotFound, "You have no such waiting-list entry.")
}
