//! `POST /api/book`: tickets, or a place in the queue.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::values::Quantity;
use rowlock_inventory::Command;
use rowlock_inventory::command::Book;
use rowlock_platform::http::{Caller, JsonFields, boolean, integer, text};
use rowlock_platform::problem::Problem;

use super::{holder, idempotency, no_such_event, within_limit};
use crate::outcome::respond;
use crate::service::Booking;

/// `{eventId, ticketTypeId?, quantity?, joinWaitlist?}` → 201 with a booking, or 202 with a waiting-list entry.
pub(super) async fn book(
    caller: Caller,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    within_limit(&booking, &request, &caller)?;
    let idempotency = idempotency(&request, &mut body);
    let event = body.required("eventId", text::<EventId>);
    let ticket_type = body.optional("ticketTypeId", text::<TicketTypeId>);
    let quantity = body.optional("quantity", integer(Quantity::new));
    let join_waitlist = body.optional("joinWaitlist", boolean);
    let read = (|| Some((idempotency?, event?, ticket_type?, quantity?, join_waitlist?)))();
    let (idempotency, event, ticket_type, quantity, join_waitlist) = body.finish(read)?;
    let ticket_type = match ticket_type {
        Some(ticket_type) => ticket_type,
        None => only_type(&booking, event).await?,
    };
    let command = Command::Book(Book {
        key: TypeKey { event, ticket_type },
        holder: holder(&caller),
        quantity: quantity.unwrap_or(Quantity::ONE),
        join_waitlist: join_waitlist.unwrap_or(true),
        booking: BookingId::from_uuid(booking.clock.uuid()),
        entry: WaitlistEntryId::from_uuid(booking.clock.uuid()),
        idempotency,
    });
    respond(booking.lanes.run(command).await)
}

/// The type that is meant when none is named. Types never change after the event is made.
async fn only_type(booking: &Booking, event: EventId) -> Result<TicketTypeId, Problem> {
    match *booking.reads.ticket_types(event).await? {
        [] => Err(no_such_event()),
        [only] => Ok(only),
        _ => Err(Problem::invalid_field("ticketTypeId", "is required: the event has several ticket types")),
    }
}
