//! `POST /api/changewaitlist`: changes the quantity of a waiting-list entry.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{EventId, WaitlistEntryId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, InvalidBody, JsonBody};
use rowlock_inventory::Command;
use rowlock_inventory::command::ChangeEntry;
use utoipa::ToSchema;

use super::caller::record_enabled_account;
use super::command::{CommandBody, check_user_command, require_exactly_one, run};
use super::examples;
use super::targets::users_entry;
use crate::resources::ChangedEntryResponse;
use crate::state::AppState;

/// The entry and its new quantity. The entry is `waitlistEntryId`, or `eventId` for the only entry that waits at that event.
/// Exactly one of the two.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ChangeWaitlist {
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    waitlist_entry_id: Option<WaitlistEntryId>,
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    event_id: Option<EventId>,
    /// New number of tickets. The ticket type may allow fewer than 100, see `maxPerBooking`.
    #[schema(value_type = i64, minimum = 1, maximum = 100)]
    quantity: Quantity,
}

impl CommandBody for ChangeWaitlist {
    fn check_rules(body: &mut JsonBody<Self>, _: &AppState) {
        require_exactly_one(body, "waitlistEntryId", "eventId");
    }
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
            description = "The entry in its current state.",
            body = ChangedEntryResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"waitlistEntry": examples::waitlist_entry()})
        ),
        ChangeProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn change_waitlist(
    caller: Caller,
    request: HttpRequest,
    body: JsonBody<ChangeWaitlist>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_user_command(&caller, &request, body, &state)?;
    let account = caller.sub;
    let (event, target) = users_entry(&state, account, body.waitlist_entry_id, body.event_id).await?;
    record_enabled_account(&state, &caller).await?;
    run(&state, Command::ChangeEntry(ChangeEntry { event, account, target, quantity: body.quantity, idempotency })).await
}
