//! `POST /admin/bookings/{bookingId}/sendlink` and `POST /admin/waitlist/{entryId}/sendlink`: have the link of a guest sent again.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{AuditEntryId, BookingId, EventId, MessageId, WaitlistEntryId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Title;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, InvalidBody, JsonBody, Organiser, REPLAYED_HEADER, key_reused};
use rowlock_inventory::command::ByAdministrator;
use rowlock_inventory::guests::{LinkTarget, SendLink, SendLinkRefusal, send_link};
use rowlock_inventory::queries;
use rowlock_inventory::tickets::{KeyedOutcome, RequestKey};
use rowlock_platform::telemetry::traces;
use utoipa::ToSchema;

use super::command::{CommandBody, check_command};
use super::examples;
use crate::state::{AppState, SOURCE};

/// Whether the link is replaced, and why it is sent.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields)]
pub(super) struct SendGuestLink {
    /// If true, the links that were sent before stop working.
    #[deserr(default)]
    #[schema(default = false)]
    replace: Option<bool>,
    /// Recorded in the audit log. Must not contain personal data.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    reason: Option<Title>,
}

impl CommandBody for SendGuestLink {}

route_problems!(
    OfBookingProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::BookingNotFound,
        ProblemCode::NotAGuest,
        ProblemCode::BookingCancelled,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Send the link of a guest again.
///
/// The guest gets an e-mail with a link that shows and returns the tickets without an account. The links that were sent before work as
/// well, unless `replace` is true. The audit log records the administrator and the reason.
#[utoipa::path(
    post,
    path = "/admin/bookings/{bookingId}/sendlink",
    operation_id = "adminSendGuestLink",
    tag = "administration",
    params(("bookingId" = Uuid, Path, description = "The booking of the guest.", example = json!(examples::BOOKING)), IdempotencyKeyHeader),
    request_body(content = SendGuestLink, example = json!({"replace": true, "reason": "The guest forwarded the link"})),
    responses(
        (
            status = 204,
            description = "The link will be sent.",
            headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same key has sent the link."))
        ),
        OfBookingProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn of_booking(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<SendGuestLink>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_command(&request, body, &state)?;
    let id: BookingId = path.parse().map_err(|_| booking_not_found())?;
    let found = state.reader.run(async |conn| queries::find_booking(conn, id).await).await?;
    let (ticket_type, _) = found.ok_or_else(booking_not_found)?;
    let key = idempotency.map(|idempotency| RequestKey { account: admin.sub, idempotency });
    send(&state, admin, ticket_type.event, LinkTarget::Booking(id), body, key).await
}

route_problems!(
    OfEntryProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::WaitlistEntryNotFound,
        ProblemCode::NotAGuest,
        ProblemCode::AlreadyPromoted,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Send the link of a guest who waits again.
///
/// The guest gets an e-mail with a link that shows the place in the waiting list, and the tickets as soon as there are some. The links
/// that were sent before work as well, unless `replace` is true. The audit log records the administrator and the reason. The link of an
/// entry that was promoted is that of its booking: 409 `already-promoted` with its `bookingId`. An entry that has ended otherwise is
/// 404 `waitlist-entry-not-found`.
#[utoipa::path(
    post,
    path = "/admin/waitlist/{entryId}/sendlink",
    operation_id = "adminSendLinkOfEntry",
    tag = "administration",
    params(("entryId" = Uuid, Path, description = "The entry of the guest.", example = json!(examples::ENTRY)), IdempotencyKeyHeader),
    request_body(content = SendGuestLink, example = json!({"reason": "The guest has lost the mail"})),
    responses(
        (
            status = 204,
            description = "The link will be sent.",
            headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same key has sent the link."))
        ),
        OfEntryProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn of_entry(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<SendGuestLink>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_command(&request, body, &state)?;
    let id: WaitlistEntryId = path.parse().map_err(|_| entry_not_found())?;
    let found = state.reader.run(async |conn| queries::find_entry(conn, id).await).await?;
    let (ticket_type, _) = found.ok_or_else(entry_not_found)?;
    let key = idempotency.map(|idempotency| RequestKey { account: admin.sub, idempotency });
    send(&state, admin, ticket_type.event, LinkTarget::Entry(id), body, key).await
}

async fn send(
    state: &AppState,
    admin: AdminCaller<Organiser>,
    event: EventId,
    target: LinkTarget,
    body: SendGuestLink,
    key: Option<RequestKey>,
) -> Result<HttpResponse, Problem> {
    let link = SendLink {
        event,
        target,
        replace: body.replace.unwrap_or_default(),
        by: ByAdministrator { actor: admin.actor(), reason: body.reason },
        audit: AuditEntryId::from_uuid(state.clock.uuid()),
        message: MessageId::from_uuid(state.clock.uuid()),
        trace: traces::current(),
    };
    match send_link(&state.pool, &link, SOURCE, key.as_ref()).await? {
        KeyedOutcome::New(result) => result.map_err(|refusal| problem_of_refusal(target, refusal))?,
        KeyedOutcome::Repeated(_) => return Ok(HttpResponse::NoContent().insert_header(REPLAYED_HEADER).finish()),
        KeyedOutcome::KeyReused => return Err(key_reused()),
    }
    state.notifier.notify();
    Ok(HttpResponse::NoContent().finish())
}

fn problem_of_refusal(target: LinkTarget, refusal: SendLinkRefusal) -> Problem {
    match (refusal, target) {
        (SendLinkRefusal::NotFound, LinkTarget::Booking(_)) => booking_not_found(),
        (SendLinkRefusal::NotFound, LinkTarget::Entry(_)) => entry_not_found(),
        (SendLinkRefusal::NotAGuest, LinkTarget::Booking(_)) => {
            Problem::new(ProblemCode::NotAGuest, "The holder of this booking has an account, so there is no link to send.")
        }
        (SendLinkRefusal::NotAGuest, LinkTarget::Entry(_)) => {
            Problem::new(ProblemCode::NotAGuest, "The holder of this waiting-list entry has an account, so there is no link to send.")
        }
        (SendLinkRefusal::Cancelled, _) => {
            Problem::new(ProblemCode::BookingCancelled, "The booking is cancelled, so it has no tickets to show.")
        }
        (SendLinkRefusal::Promoted(booking), _) => {
            let detail = "This waiting-list entry has already been promoted to a booking. Send the link of the booking instead.";
            Problem::new(ProblemCode::AlreadyPromoted, detail).with("bookingId", booking.to_string())
        }
        (SendLinkRefusal::Ended, _) => {
            Problem::new(ProblemCode::WaitlistEntryNotFound, "This waiting-list entry no longer waits, so there is no place to show.")
        }
    }
}

fn booking_not_found() -> Problem {
    Problem::new(ProblemCode::BookingNotFound, "There is no booking with this id.")
}

fn entry_not_found() -> Problem {
    Problem::new(ProblemCode::WaitlistEntryNotFound, "There is no waiting-list entry with this id.")
}
