//! `POST /api/leavewaitlist`: removes the caller's entry from a waiting list.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{EventId, WaitlistEntryId, WishId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{InvalidBody, JsonBody};
use rowlock_inventory::Command;
use rowlock_inventory::command::{self, Authority};
use utoipa::ToSchema;

use super::command::{CommandBody, check_holder_command, require_exactly_one, run};
use super::examples;
use super::holder::TicketHolder;
use super::targets::{users_entry, users_wish};
use crate::resources::LeftResponse;
use crate::state::AppState;

/// The entry to leave: `waitlistEntryId`, or `eventId` for the only entry, or the only wish, that waits at that event, or `wishId` for all
/// entries of a wish. Exactly one of the three.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct LeaveWaitlist {
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    waitlist_entry_id: Option<WaitlistEntryId>,
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    event_id: Option<EventId>,
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    wish_id: Option<WishId>,
}

impl CommandBody for LeaveWaitlist {
    fn check_rules(body: &mut JsonBody<Self>, _: &AppState) {
        require_exactly_one(body, &["waitlistEntryId", "eventId", "wishId"]);
    }
}

route_problems!(
    LeaveProblems = Problems::for_ticket_holders().with_body().changing().limited().and(&[
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
///
/// With `waitlistEntryId`, only this entry is left, and the other entries of its wish go on waiting. With `wishId`, and with `eventId` if
/// the account waits with one wish there, all entries of the wish are left, and the response also has `waitlistEntries`. If one of
/// them became a booking, the response is 409 `already-promoted`.
#[utoipa::path(
    post,
    path = "/api/leavewaitlist",
    operation_id = "leaveWaitlist",
    tag = "waiting list",
    params(IdempotencyKeyHeader),
    request_body(content = LeaveWaitlist, examples(
        ("by entry" = (summary = "A certain entry", value = json!(examples::leave_entry()))),
        ("by event" = (summary = "The only entry at an event", value = json!(examples::leave_event()))),
        ("wish" = (summary = "All entries of a wish", value = json!(examples::leave_wish())))
    )),
    responses(
        (
            status = 200,
            description = "The entry in its current state.",
            body = LeftResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"waitlistEntry": examples::left_entry()})
        ),
        LeaveProblems
    ),
    security(("token" = []), ("guestLink" = [])),
)]
pub(super) async fn leave_waitlist(
    holder: TicketHolder,
    request: HttpRequest,
    body: JsonBody<LeaveWaitlist>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_holder_command(holder, &request, body, &state)?;
    let account = holder.account;
    let (event, target) = match body.wish_id {
        Some(wish) => users_wish(&state, account, wish).await?,
        None => users_entry(&state, account, body.waitlist_entry_id, body.event_id).await?,
    };
    let whole_wish = body.waitlist_entry_id.is_none();
    let leave = command::LeaveWaitlist { event, account, target, whole_wish, idempotency, authority: Authority::Holder };
    run(&state, Command::LeaveWaitlist(leave)).await
}
