//! `POST /admin/bookings/{bookingId}/sendlink`: has the link of a guest sent again.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{AuditEntryId, BookingId, MessageId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Title;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, InvalidBody, JsonBody, Organiser, REPLAYED_HEADER, key_reused};
use rowlock_inventory::command::ByAdministrator;
use rowlock_inventory::guests::{SendLink, SendLinkRefusal, send_link};
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
    SendProblems = Problems::for_administrators().with_body().changing().and(&[
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
        SendProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn send(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<SendGuestLink>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_command(&request, body, &state)?;
    let id: BookingId = path.parse().map_err(|_| not_found())?;
    let found = state.reader.run(async |conn| queries::find_booking(conn, id).await).await?;
    let (ticket_type, _) = found.ok_or_else(not_found)?;
    let key = idempotency.map(|idempotency| RequestKey { account: admin.sub, idempotency });
    let link = SendLink {
        event: ticket_type.event,
        booking: id,
        replace: body.replace.unwrap_or_default(),
        by: ByAdministrator { actor: admin.actor(), reason: body.reason },
        audit: AuditEntryId::from_uuid(state.clock.uuid()),
        message: MessageId::from_uuid(state.clock.uuid()),
        trace: traces::current(),
    };
    match send_link(&state.pool, &link, SOURCE, key.as_ref()).await? {
        KeyedOutcome::New(result) => result.map_err(problem_of_refusal)?,
        KeyedOutcome::Repeated(_) => return Ok(HttpResponse::NoContent().insert_header(REPLAYED_HEADER).finish()),
        KeyedOutcome::KeyReused => return Err(key_reused()),
    }
    state.notifier.notify();
    Ok(HttpResponse::NoContent().finish())
}

fn problem_of_refusal(refusal: SendLinkRefusal) -> Problem {
    match refusal {
        SendLinkRefusal::BookingNotFound => not_found(),
        SendLinkRefusal::NotAGuest => {
            Problem::new(ProblemCode::NotAGuest, "The holder of this booking has an account, so there is no link to send.")
        }
        SendLinkRefusal::Cancelled => {
            Problem::new(ProblemCode::BookingCancelled, "The booking is cancelled, so it has no tickets to show.")
        }
    }
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::BookingNotFound, "There is no booking with this id.")
}
