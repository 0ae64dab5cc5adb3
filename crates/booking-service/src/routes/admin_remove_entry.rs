//! `POST /admin/waitlist/{entryId}/remove`: removes an entry from a waiting list on behalf of its holder.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::WaitlistEntryId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Title;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, InvalidBody, JsonBody, Organiser};
use rowlock_inventory::command::{Authority, ByAdministrator, LeaveWaitlist, Target};
use rowlock_inventory::{Command, Outcome, Refusal, queries};
use utoipa::ToSchema;

use super::command::{CommandBody, check_command};
use super::examples;
use crate::outcome::respond;
use crate::resources::LeftResponse;
use crate::state::AppState;

/// Why the entry is removed.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoveWaitlistEntry {
    /// Recorded in the audit log. Must not contain personal data.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    reason: Option<Title>,
}

impl CommandBody for RemoveWaitlistEntry {}

route_problems!(
    RemoveProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::WaitlistEntryNotFound,
        ProblemCode::AlreadyPromoted,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Remove an entry of any account from a waiting list.
///
/// The same messages are published as when the holder leaves. The audit log records the administrator and the reason. An entry
/// that no longer waits is returned unchanged; one that was promoted to a booking gets 409 `already-promoted`.
#[utoipa::path(
    post,
    path = "/admin/waitlist/{entryId}/remove",
    operation_id = "adminRemoveWaitlistEntry",
    tag = "administration",
    params(("entryId" = Uuid, Path, description = "The waiting-list entry.", example = json!(examples::ENTRY)), IdempotencyKeyHeader),
    request_body(content = RemoveWaitlistEntry, example = json!({"reason": "Asked for it by phone"})),
    responses(
        (
            status = 200,
            description = "The entry in its current state.",
            body = LeftResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"waitlistEntry": examples::left_entry()})
        ),
        RemoveProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn remove_entry(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<RemoveWaitlistEntry>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_command(&request, body, &state)?;
    let id: WaitlistEntryId = path.parse().map_err(|_| not_found())?;
    let found = state.reader.run(async |conn| queries::find_entry(conn, id).await).await?;
    let (key, account) = found.ok_or_else(not_found)?;
    let command = Command::LeaveWaitlist(LeaveWaitlist {
        event: key.event,
        account,
        target: Target::ById(id, key.ticket_type),
        whole_wish: false,
        idempotency,
        authority: Authority::Administrator(Box::new(ByAdministrator { actor: admin.actor(), reason: body.reason })),
    });
    match state.lanes.run(command).await {
        Ok(Outcome::Refused(Refusal::EntryNotFound)) => Err(not_found()),
        Ok(Outcome::Refused(Refusal::AlreadyPromoted(id))) => {
            let detail = "This waiting-list entry has already been promoted to a booking. Cancel the booking instead.";
            Err(Problem::new(ProblemCode::AlreadyPromoted, detail).with("bookingId", id.to_string()))
        }
        outcome => respond(outcome),
    }
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::WaitlistEntryNotFound, "There is no waiting-list entry with this id.")
}
