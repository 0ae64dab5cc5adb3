//! `POST /admin/events/{eventId}/bookings`: books for a guest who has no account.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{AccountId, BookingId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{PersonName, Title};
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonFields, boolean, integer, text};
use rowlock_inventory::Command;
use rowlock_inventory::command::{Book, ByAdministrator};
use rowlock_inventory::views::Holder;
use utoipa::ToSchema;

use super::book::only_type;
use super::{event_in, examples, path_idempotency};
use crate::outcome::{Confirmed, Waitlisted, respond};
use crate::service::Booking;

/// The guest and the number of tickets.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `create_booking` reads")]
struct BookForGuest {
    /// Name of the guest. At least one visible character; no control characters. Invisible characters are allowed only where
    /// they shape visible ones.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// E-mail address of the guest. It may be the address of an account, but the booking does not belong to that account. The
    /// domain must contain a dot, unless the setting `accounts.allow_local_email_domains` allows others.
    #[schema(max_length = 254, format = "email")]
    email: String,
    /// Required if the event has several ticket types.
    #[schema(format = Uuid)]
    ticket_type_id: Option<String>,
    /// Number of tickets. At most `maxPerBooking` of the ticket type.
    #[schema(minimum = 1, maximum = 100, default = 1)]
    quantity: Option<i64>,
    /// If false, the response is 409 `sold-out` instead of an entry in the waiting list.
    #[schema(default = true)]
    join_waitlist: Option<bool>,
    /// Recorded in the audit log. Must not contain personal data.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

route_problems!(
    CreateProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::SoldOut,
        ProblemCode::AccountLimit,
        ProblemCode::SalesClosed,
        ProblemCode::EventCancelled,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Book for a guest who has no account.
///
/// The same rules apply as for `POST /api/book`, and the guest has no priority over the waiting list. The guest gets a generated
/// account id, which belongs to no account; the list of bookings contains it. The audit log records the administrator and the
/// reason.
#[utoipa::path(
    post,
    path = "/admin/events/{eventId}/bookings",
    operation_id = "adminCreateBooking",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), IdempotencyKeyHeader),
    request_body(content = BookForGuest, example = json!(examples::book_for_guest())),
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
            description = "There are not enough tickets: the guest waits in the queue.",
            body = Waitlisted,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!({"status": "waitlisted", "waitlistEntry": examples::waitlist_entry()})
        ),
        CreateProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn create_booking(
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let idempotency = path_idempotency(&request, &mut body);
    let name = body.required("name", text::<PersonName>);
    let email = body.required("email", |value| booking.email_domains.admit(text(value)?).map_err(|error| error.to_string()));
    let ticket_type = body.optional("ticketTypeId", text::<TicketTypeId>);
    let quantity = body.optional("quantity", integer(Quantity::new));
    let join_waitlist = body.optional("joinWaitlist", boolean);
    let reason = body.optional("reason", text::<Title>);
    let read = (|| Some((idempotency?, name?, email?, ticket_type?, quantity?, join_waitlist?, reason?)))();
    let (idempotency, name, email, ticket_type, quantity, join_waitlist, reason) = body.finish(read)?;
    let event = event_in(&path)?;
    let ticket_type = match ticket_type {
        Some(ticket_type) => ticket_type,
        None => only_type(&booking, event).await?,
    };
    let guest = AccountId::from_uuid(booking.clock.uuid());
    let command = Command::Book(Book {
        key: TypeKey { event, ticket_type },
        holder: Holder { account: guest, name: name.into_string(), email: email.into_string() },
        quantity: quantity.unwrap_or(Quantity::ONE),
        join_waitlist: join_waitlist.unwrap_or(true),
        booking: BookingId::from_uuid(booking.clock.uuid()),
        entry: WaitlistEntryId::from_uuid(booking.clock.uuid()),
        idempotency,
        for_guest: Some(Box::new(ByAdministrator { actor: admin.actor(), reason })),
    });
    respond(booking.lanes.run(command).await)
}
