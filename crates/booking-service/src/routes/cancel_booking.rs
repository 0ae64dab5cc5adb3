//! `POST /api/cancelbooking`: a booking or a part of it goes back.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{BookingId, EventId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::values::Quantity;
use rowlock_inventory::command::{Cancel, Target};
use rowlock_inventory::{Command, queries};
use rowlock_platform::http::{Caller, JsonFields, integer, text};
use rowlock_platform::problem::Problem;

use super::{idempotency, within_limit};
use crate::outcome::respond;
use crate::service::Booking;

/// `{bookingId}` or `{eventId}`, `quantity?` → 200 with the booking as it is now.
pub(super) async fn cancel_booking(
    caller: Caller,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    within_limit(&booking, &request, &caller)?;
    let idempotency = idempotency(&request, &mut body);
    let meant = one_of(&mut body, "bookingId", "eventId");
    let id = body.optional("bookingId", text::<BookingId>);
    let event = body.optional("eventId", text::<EventId>);
    let quantity = body.optional("quantity", integer(Quantity::new));
    let (idempotency, id, event, quantity) = body.finish((|| meant.and(Some((idempotency?, id?, event?, quantity?))))())?;
    let account = caller.sub;
    let (event, target) = match (id, event) {
        (Some(id), _) => {
            let key = booking.reader.run(async |conn| queries::booking_key(conn, account, id).await).await?.ok_or_else(not_found)?;
            (key.event, Target::One(id, key.ticket_type))
        }
        (None, Some(event)) => (event, Target::OnlyOne),
        (None, None) => return Err(not_found()),
    };
    let command = Command::Cancel(Cancel { event, account, target, quantity, idempotency });
    respond(booking.lanes.run(command).await)
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::BookingNotFound, "You have no such booking.")
}

/// Notes it when not exactly one of two fields is given.
pub(super) fn one_of(body: &mut JsonFields, id: &str, event: &str) -> Option<()> {
    match (body.has(id), body.has(event)) {
        (true, true) => body.complain(event, format!("must not be given together with {id}")),
        (false, false) => {
            body.complain(id, format!("is required, or {event}"));
            body.complain(event, format!("is required, or {id}"));
        }
        _ => return Some(()),
    }
    None
}
