//! `POST /api/changewaitlist`: changes how many tickets a waiting-list entry waits for.

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
use super::command::{CommandBody, check_user_command, require_exactly_one, require_min_quantity_below, run};
use super::examples;
use super::targets::users_entry;
use crate::resources::ChangedEntryResponse;
use crate::state::AppState;

/// The entry and its new quantities, at least one of the two. The entry is `waitlistEntryId`, or `eventId` for the only entry, or the only
/// wish, that waits at that event. Exactly one of the two.
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
    /// New number of tickets; unchanged if omitted. The ticket type may allow fewer than 100, see `maxPerBooking`.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    quantity: Option<Quantity>,
    /// New smallest number of tickets to take, at most `quantity`. If omitted, it stays equal to `quantity` if it was before, and is
    /// otherwise unchanged, or lowered to `quantity` if that is smaller.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    min_quantity: Option<Quantity>,
}

impl CommandBody for ChangeWaitlist {
    fn check_rules(body: &mut JsonBody<Self>, _: &AppState) {
        require_exactly_one(body, &["waitlistEntryId", "eventId"]);
        if !body.has("quantity") && !body.has("minQuantity") {
            body.add_error("quantity", "is required, or minQuantity");
            body.add_error("minQuantity", "is required, or quantity");
        }
        let quantity = body.peek::<Quantity>("quantity");
        require_min_quantity_below(body, quantity);
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

/// Change how many tickets a waiting-list entry asks for, or the smallest number that it takes.
///
/// An entry whose `quantity` is raised moves to the end of the list. Any other change keeps the position. If the new minimum is
/// available, the available tickets are allocated to the waiting list at once, as after a return. Setting what the entry already has
/// changes nothing, so the request can be repeated safely. With `eventId` and no `Idempotency-Key`, an account whose entry
/// was created after another one had ended gets 409 `ambiguous-waitlist-entry`, because the request could be the repetition of
/// one for the other entry. An entry can grow only while the event is on sale, and the new quantity counts against
/// `maxPerAccount`.
///
/// If the entry belongs to a wish, all entries of the wish that still wait are changed, each by these rules, or none. The response then also
/// has `waitlistEntries`.
#[utoipa::path(
    post,
    path = "/api/changewaitlist",
    operation_id = "changeWaitlist",
    tag = "waiting list",
    params(IdempotencyKeyHeader),
    request_body(content = ChangeWaitlist, examples(
        ("by entry" = (summary = "Wait for fewer tickets, in the same place", value = json!(examples::change_entry()))),
        ("minimum" = (summary = "Take a single ticket if no more are returned, in the same place", value = json!(examples::change_minimum()))),
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
    let (quantity, min_quantity) = (body.quantity, body.min_quantity);
    run(&state, Command::ChangeEntry(ChangeEntry { event, account, target, quantity, min_quantity, idempotency })).await
}
