//! `POST /admin/waitlist/{entryId}/remove`: removes an entry from a waiting list on behalf of its holder.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::WaitlistEntryId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Title;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonFields, text};
use rowlock_inventory::command::{Authority, ByAdministrator, Leave, Target};
use rowlock_inventory::{Command, Outcome, Refusal, queries};
use utoipa::ToSchema;

use super::{examples, path_idempotency};
use crate::outcome::{Left, respond};
use crate::service::Booking;

/// Why the entry is removed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `remove_entry` reads")]
struct RemoveWaitlistEntry {
    /// Recorded in the audit log. Must not contain personal data.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

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
            description = "The entry as it is now.",
            body = Left,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!({"waitlistEntry": examples::left_entry()})
        ),
        RemoveProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn remove_entry(
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let idempotency = path_idempotency(&request, &mut body);
    let reason = body.optional("reason", text::<Title>);
    let (idempotency, reason) = body.finish((|| Some((idempotency?, reason?)))())?;
    let id: WaitlistEntryId = path.parse().map_err(|_| not_found())?;
    let found = booking.reader.run(async |conn| queries::find_entry(conn, id).await).await?;
    let (key, account) = found.ok_or_else(not_found)?;
    let command = Command::Leave(Leave {
        event: key.event,
        account,
        target: Target::One(id, key.ticket_type),
        idempotency,
        authority: Authority::Administrator(Box::new(ByAdministrator { actor: admin.actor(), reason })),
    });
    match booking.lanes.run(command).await {
        Ok(Outcome::Refused(Refusal::EntryNotFound)) => Err(not_found()),
        Ok(Outcome::Refused(Refusal::AlreadyPromoted(id))) => {
            let detail = "The entry has already become a booking. Cancel the booking instead.";
            Err(Problem::new(ProblemCode::AlreadyPromoted, detail).with("bookingId", id.to_string()))
        }
        outcome => respond(outcome),
    }
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::WaitlistEntryNotFound, "There is no waiting-list entry with this id.")
}
