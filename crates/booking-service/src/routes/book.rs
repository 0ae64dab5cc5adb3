//! `POST /api/book`: books tickets or joins the waiting list.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId, WishId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::values::Quantity;
use rowlock_domain::wishes::MAX_CHOICES;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{BoundedVec, Caller, InvalidBody, JsonBody};
use rowlock_inventory::Command;
use rowlock_inventory::command::{Book, BookWish, WishedType};
use utoipa::ToSchema;

use super::caller::{holder_of, record_enabled_account};
use super::command::{CommandBody, check_user_command, require_min_quantity_below, run};
use super::examples;
use super::targets::ticket_type_to_book;
use crate::resources::{BookedResponse, WaitlistedResponse};
use crate::state::AppState;

/// The tickets to book.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct BookTickets {
    #[schema(value_type = String, format = Uuid)]
    event_id: EventId,
    /// Required if the event has several ticket types, unless the request has `ticketTypeIds`.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    ticket_type_id: Option<TicketTypeId>,
    /// Several ticket types of which one is enough, in the order of preference, instead of `ticketTypeId`.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<Uuid>>, min_items = 2, max_items = 10)]
    ticket_type_ids: Option<BoundedVec<TicketTypeId, MAX_CHOICES>>,
    /// Number of tickets; 1 if omitted. A ticket type may allow fewer than 100, see `maxPerBooking`.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100, default = 1)]
    quantity: Option<Quantity>,
    /// The smallest number of tickets to take, at most `quantity`. If there are fewer tickets than `quantity` but at least
    /// `minQuantity`, the response is 201 with all of them. If omitted, the request is fulfilled in full or not at all.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    min_quantity: Option<Quantity>,
    /// If false, the response is 409 `sold-out` instead of an entry in the waiting list.
    #[deserr(default)]
    #[schema(default = true)]
    join_waitlist: Option<bool>,
}

impl CommandBody for BookTickets {
    fn check_rules(body: &mut JsonBody<Self>, _: &AppState) {
        let quantity = body.peek::<Option<Quantity>>("quantity").map(|quantity| quantity.unwrap_or(Quantity::ONE));
        require_min_quantity_below(body, quantity);
        if body.has("ticketTypeIds") && body.has("ticketTypeId") {
            body.add_error("ticketTypeIds", "must not be given together with ticketTypeId");
        }
        let Some(BoundedVec(types)) = body.peek::<BoundedVec<TicketTypeId, MAX_CHOICES>>("ticketTypeIds") else { return };
        if types.len() < 2 {
            body.add_error("ticketTypeIds", "must have at least 2 items");
        }
        if types.iter().collect::<BTreeSet<_>>().len() < types.len() {
            body.add_error("ticketTypeIds", "must not name a ticket type twice");
        }
    }
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
/// automatically; no further request is needed unless the event has `offerMinutes`.
///
/// A request with `minQuantity` takes fewer tickets than `quantity` if there are not more: at once, or from the waiting list. It never
/// gets fewer than `minQuantity`, and once it has got tickets, it no longer waits for the rest. A low `minQuantity` does not improve the
/// position: returned tickets go to the first entry whose minimum they reach.
///
/// If the event has `checkoutMinutes`, the tickets are reserved until `expiresAt` of the booking. Nobody else can have them until
/// then. `POST /api/confirmbooking` confirms the booking, `POST /api/cancelbooking` gives the tickets back; otherwise the booking
/// expires. If the event has `offerMinutes`, the same applies to the booking of a promoted waiting-list entry.
///
/// An account can have one open waiting-list entry per ticket type. If it has one and the request would have to wait, the
/// response is 409 `already-waiting` with `waitlistEntryId`, `ticketTypeId`, `quantity`, `minQuantity` and `position` of the entry;
/// `POST /api/changewaitlist` changes its quantities. An account that waits can still book available tickets.
///
/// A request with `ticketTypeIds` is a wish: it takes tickets of one of these types, all of one type. The first one in the order of
/// preference that has enough tickets is booked. If none has, the wish joins the waiting list of every type. The response then has
/// `waitlistEntries`, and `waitlistEntry` is the first of them. The first entry that is promoted ends the others at once, also if it is
/// only offered and the offer lapses. A wish is rejected if one of its types does not allow the quantity, or if it has to wait and the account
/// already waits for one of them; the problem names the type.
#[utoipa::path(
    post,
    path = "/api/book",
    operation_id = "book",
    tag = "bookings",
    params(IdempotencyKeyHeader),
    request_body(content = BookTickets, examples(
        ("one ticket" = (summary = "One ticket of an event with one ticket type", value = json!(examples::book_one()))),
        ("several tickets" = (summary = "Several tickets of a type, or nothing", value = json!(examples::book_several()))),
        ("fewer tickets" = (summary = "Four tickets, or two or three if there are not more", value = json!(examples::book_fewer()))),
        ("a wish" = (summary = "Two tickets of the first type, or else of the second", value = json!(examples::book_wish())))
    )),
    responses(
        (
            status = 201,
            description = "The tickets are booked, or reserved if the event has `checkoutMinutes`. They can be fewer than requested if the request has `minQuantity`.",
            body = BookedResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            examples(
                ("confirmed" = (summary = "A confirmed booking", value = json!({"status": "confirmed", "booking": examples::booking()}))),
                ("reserved" = (summary = "A reserved booking", value = json!({"status": "reserved", "booking": examples::reserved_booking()})))
            )
        ),
        (
            status = 202,
            description = "There are not enough tickets. The request was placed on the waiting list.",
            body = WaitlistedResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            examples(
                ("one type" = (summary = "One ticket type", value = json!({"status": "waitlisted", "waitlistEntry": examples::waitlist_entry()}))),
                ("a wish" = (summary = "A wish", value = json!({
                    "status": "waitlisted", "waitlistEntry": examples::wish_entries()[0], "waitlistEntries": examples::wish_entries()
                })))
            )
        ),
        BookProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn book(
    caller: Caller,
    request: HttpRequest,
    body: JsonBody<BookTickets>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_user_command(&caller, &request, body, &state)?;
    let event = body.event_id;
    if let Some(BoundedVec(types)) = body.ticket_type_ids {
        record_enabled_account(&state, &caller).await?;
        let entry = |id| WishedType { id, entry: WaitlistEntryId::from_uuid(state.clock.uuid()) };
        let command = Command::BookWish(Box::new(BookWish {
            event,
            wish: WishId::from_uuid(state.clock.uuid()),
            types: types.into_iter().map(entry).collect(),
            holder: holder_of(&caller),
            quantity: body.quantity.unwrap_or(Quantity::ONE),
            min_quantity: body.min_quantity,
            join_waitlist: body.join_waitlist.unwrap_or(true),
            booking: BookingId::from_uuid(state.clock.uuid()),
            idempotency,
        }));
        return run(&state, command).await;
    }
    let ticket_type = ticket_type_to_book(&state, event, body.ticket_type_id).await?;
    record_enabled_account(&state, &caller).await?;
    let command = Command::Book(Book {
        key: TypeKey { event, ticket_type },
        holder: holder_of(&caller),
        quantity: body.quantity.unwrap_or(Quantity::ONE),
        min_quantity: body.min_quantity,
        join_waitlist: body.join_waitlist.unwrap_or(true),
        booking: BookingId::from_uuid(state.clock.uuid()),
        entry: WaitlistEntryId::from_uuid(state.clock.uuid()),
        idempotency,
        administrator: None,
        for_guest: false,
    });
    run(&state, command).await
}
