//! `POST /api/book`: books tickets or joins the waiting list.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, JsonFields, boolean, integer, text};
use rowlock_inventory::Command;
use rowlock_inventory::command::Book;
use utoipa::ToSchema;

use super::{examples, holder, idempotency, no_such_event, note_open, within_limit};
use crate::outcome::{Confirmed, Waitlisted, respond};
use crate::service::Booking;

/// The tickets to book.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `book` reads")]
struct BookTickets {
    #[schema(format = Uuid)]
    event_id: String,
    /// Required if the event has several ticket types.
    #[schema(format = Uuid)]
    ticket_type_id: Option<String>,
    /// Number of tickets; 1 if omitted. A ticket type may allow fewer than 100, see `maxPerBooking`.
    #[schema(minimum = 1, maximum = 100, default = 1)]
    quantity: Option<i64>,
    /// If false, the response is 409 `sold-out` instead of an entry in the waiting list.
    #[schema(default = true)]
    join_waitlist: Option<bool>,
}

route_problems!(
    BookProblems = Problems::for_users().with_body().changing().limited().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::SoldOut,
        ProblemCode::AlreadyWaiting,
        ProblemCode::AccountLimit,
        ProblemCode::SalesClosed,
        ProblemCode::EventCancelled,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Book tickets, or join the waiting list.
///
/// A request is fulfilled in full or placed on the waiting list in full. When the entry is promoted, the booking is created
/// automatically; no further request is needed.
///
/// An account can have one open waiting-list entry per ticket type. If it has one and the request would have to wait, the
/// response is 409 `already-waiting` with `waitlistEntryId`, `quantity` and `position` of the entry; `POST /api/changewaitlist`
/// changes its quantity. An account that waits can still book available tickets.
#[utoipa::path(
    post,
    path = "/api/book",
    operation_id = "book",
    tag = "bookings",
    params(IdempotencyKeyHeader),
    request_body(content = BookTickets, examples(
        ("one ticket" = (summary = "One ticket of an event with one ticket type", value = json!(examples::book_one()))),
        ("several tickets" = (summary = "Several tickets of a type, or nothing", value = json!(examples::book_several())))
    )),
    responses(
        (
            status = 201,
            description = "The tickets are booked.",
            body = Confirmed,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!({"status": "confirmed", "booking": examples::booking()})
        ),
        (
            status = 202,
            description = "There are not enough tickets: the wish waits in the queue.",
            body = Waitlisted,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!({"status": "waitlisted", "waitlistEntry": examples::waitlist_entry()})
        ),
        BookProblems
    ),
    security(("token" = [])),
)]
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
    note_open(&booking, &caller).await?;
    let command = Command::Book(Book {
        key: TypeKey { event, ticket_type },
        holder: holder(&caller),
        quantity: quantity.unwrap_or(Quantity::ONE),
        join_waitlist: join_waitlist.unwrap_or(true),
        booking: BookingId::from_uuid(booking.clock.uuid()),
        entry: WaitlistEntryId::from_uuid(booking.clock.uuid()),
        idempotency,
        for_guest: None,
    });
    respond(booking.lanes.run(command).await)
}

/// Returns the ticket type of an event that has only one. Fails with 404 if the event is unknown, and with 422 if it has several
/// types. The types of an event never change, so a cached answer is current.
pub(super) async fn only_type(booking: &Booking, event: EventId) -> Result<TicketTypeId, Problem> {
    match *booking.reads.ticket_types(event).await? {
        [] => Err(no_such_event()),
        [only] => Ok(only),
        _ => Err(Problem::invalid_field("ticketTypeId", "is required: the event has several ticket types")),
    }
}
