//! `POST /api/leavewaitlist`: removes the caller's entry from a waiting list.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{EventId, WaitlistEntryId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, JsonFields, text};
use rowlock_inventory::command::{Authority, Leave, Target};
use rowlock_inventory::{Command, queries};
use utoipa::ToSchema;

use super::cancel_booking::one_of;
use super::{examples, idempotency, single_type, within_limit};
use crate::outcome::{Left, respond};
use crate::service::Booking;

/// The entry to leave: `waitlistEntryId`, or `eventId` for the only entry that waits at that event. Exactly one of the two.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `leave_waitlist` reads")]
struct LeaveWaitlist {
    #[schema(format = Uuid)]
    waitlist_entry_id: Option<String>,
    #[schema(format = Uuid)]
    event_id: Option<String>,
}

route_problems!(
    LeaveProblems = Problems::for_users().with_body().changing().limited().and(&[
        ProblemCode::WaitlistEntryNotFound,
        ProblemCode::AmbiguousWaitlistEntry,
        ProblemCode::AlreadyPromoted,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Leave a waiting list.
///
/// A repeated request never leaves another entry. With `waitlistEntryId`, an entry that was already left is returned unchanged.
/// With `eventId`, an account that no longer waits gets the entry that ended last, unchanged, or 409 `already-promoted` if that
/// entry became a booking; an account with several open entries, or with one that it created after another had ended, gets 409
/// `ambiguous-waitlist-entry`, because the request could be the repetition of an older one. A request with a new
/// `Idempotency-Key` is a new request, so the only open entry is left whatever ended before.
#[utoipa::path(
    post,
    path = "/api/leavewaitlist",
    operation_id = "leaveWaitlist",
    tag = "waiting list",
    params(IdempotencyKeyHeader),
    request_body(content = LeaveWaitlist, examples(
        ("by entry" = (summary = "A certain entry", value = json!(examples::leave_entry()))),
        ("by event" = (summary = "The only entry at an event", value = json!(examples::leave_event())))
    )),
    responses(
        (
            status = 200,
            description = "The entry as it is now.",
            body = Left,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!({"waitlistEntry": examples::left_entry()})
        ),
        LeaveProblems
    ),
    security(("token" = [])),
)]
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
        (None, Some(event)) => (event, Target::OnlyOne(single_type(&booking, event).await?)),
        (None, None) => return Err(not_found()),
    };
    let command = Command::Leave(Leave { event, account, target, idempotency, authority: Authority::Holder });
    respond(booking.lanes.run(command).await)
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::WaitlistEntryNotFound, "You have no such waiting-list entry.")
}
