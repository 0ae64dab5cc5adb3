//! `POST /api/changewaitlist`: changes the quantity of a waiting-list entry.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{EventId, WaitlistEntryId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, JsonFields, integer, text};
use rowlock_inventory::command::{ChangeEntry, Target};
use rowlock_inventory::{Command, queries};
use utoipa::ToSchema;

use super::cancel_booking::one_of;
use super::{examples, idempotency, note_open, single_type, within_limit};
use crate::outcome::{ChangedEntry, respond};
use crate::service::Booking;

/// The entry and its new quantity. The entry is `waitlistEntryId`, or `eventId` for the only entry that waits at that event.
/// Exactly one of the two.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `change_waitlist` reads")]
struct ChangeWaitlist {
    #[schema(format = Uuid)]
    waitlist_entry_id: Option<String>,
    #[schema(format = Uuid)]
    event_id: Option<String>,
    /// New number of tickets. The ticket type may allow fewer than 100, see `maxPerBooking`.
    #[schema(minimum = 1, maximum = 100)]
    quantity: i64,
}

route_problems!(
    ChangeProblems = Problems::for_users().with_body().changing().limited().and(&[
        ProblemCode::WaitlistEntryNotFound,
        ProblemCode::AmbiguousWaitlistEntry,
        ProblemCode::AlreadyPromoted,
        ProblemCode::AccountLimit,
        ProblemCode::SalesClosed,
        ProblemCode::EventCancelled,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Change how many tickets a waiting-list entry asks for.
///
/// An entry that shrinks keeps its position; one that grows moves to the end of the list. If the new quantity is available, the
/// available tickets are allocated to the waiting list at once, as after a return. Setting the quantity that the entry already
/// has changes nothing, so the request can be repeated safely. With `eventId` and no `Idempotency-Key`, an account whose entry
/// was created after another one had ended gets 409 `ambiguous-waitlist-entry`, because the request could be the repetition of
/// one for the other entry. An entry can grow only while the event is on sale, and the new quantity counts against
/// `maxPerAccount`.
#[utoipa::path(
    post,
    path = "/api/changewaitlist",
    operation_id = "changeWaitlist",
    tag = "waiting list",
    params(IdempotencyKeyHeader),
    request_body(content = ChangeWaitlist, examples(
        ("by entry" = (summary = "Wait for fewer tickets, in the same place", value = json!(examples::change_entry()))),
        ("by event" = (summary = "The only entry at an event", value = json!(examples::change_event_entry())))
    )),
    responses(
        (
            status = 200,
            description = "The entry as it is now.",
            body = ChangedEntry,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!({"waitlistEntry": examples::waitlist_entry()})
        ),
        ChangeProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn change_waitlist(
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
    let quantity = body.required("quantity", integer(Quantity::new));
    let (idempotency, id, event, quantity) = body.finish((|| meant.and(Some((idempotency?, id?, event?, quantity?))))())?;
    let account = caller.sub;
    let (event, target) = match (id, event) {
        (Some(id), _) => {
            let key = booking.reader.run(async |conn| queries::entry_key(conn, account, id).await).await?.ok_or_else(not_found)?;
            (key.event, Target::One(id, key.ticket_type))
        }
        (None, Some(event)) => (event, Target::OnlyOne(single_type(&booking, event).await?)),
        (None, None) => return Err(not_found()),
    };
    note_open(&booking, &caller).await?;
    let command = Command::ChangeEntry(ChangeEntry { event, account, target, quantity, idempotency });
    respond(booking.lanes.run(command).await)
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::WaitlistEntryNotFound, "You have no such waiting-list entry.")
}
