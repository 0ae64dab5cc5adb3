//! `POST /admin/events/{eventId}/checkins`: admits the holder of a ticket.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::EventId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Door, JsonBody, REPLAYED_HEADER};
use rowlock_inventory::queries;
use rowlock_inventory::tickets::RequestKey;

use super::command::{CommandBody, check_command};
use super::scan_body::scan_body;
use super::targets::{event_in_path, event_not_found};
use super::ticket_examples as examples;
use crate::checkins::{Presented, PresentedTicket, Verdict, check_in, problem_of_refusal};
use crate::resources::CheckinResource;
use crate::state::AppState;

scan_body! {
    /// A ticket that somebody presents: its code or, from the door list, its booking and number.
    pub(super) struct CheckIn {}
}

impl CommandBody for CheckIn {}

route_problems!(
    CheckInProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::BookingNotFound,
        ProblemCode::TicketNotFound,
        ProblemCode::TicketInvalid,
        ProblemCode::TicketCancelled,
        ProblemCode::TicketVoid,
        ProblemCode::AlreadyCheckedIn,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Check a ticket in.
///
/// Each ticket is checked in once, also if several doors scan it at the same instant: the others get 409 `already-checked-in` with the
/// time and the door of the check-in.
#[utoipa::path(
    post,
    path = "/admin/events/{eventId}/checkins",
    operation_id = "checkIn",
    tag = "check-in",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), IdempotencyKeyHeader),
    request_body(content = CheckIn, examples(
        ("by code" = (summary = "A scanned code", value = json!(examples::scan()))),
        ("by name" = (summary = "A ticket of the door list", value = json!(examples::scan_of_list())))
    )),
    responses(
        (
            status = 201,
            description = "The check-in.",
            body = CheckinResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the response to an earlier request with the same key.")),
            example = json!(examples::checkin())
        ),
        CheckInProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn post(
    caller: AdminCaller<Door>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<CheckIn>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    let (body, idempotency) = check_command(&request, body, &state)?;
    let presented = Presented::new(body.code, body.booking_id, body.number).map_err(Problem::invalid_input)?;
    let key = idempotency.map(|idempotency| RequestKey { account: caller.sub, idempotency });
    let ticket = PresentedTicket { presented, door: body.door, scanned_at: None, scan: body.scan_id };
    match check_in(&state, event, ticket, key.as_ref()).await? {
        Verdict::Admitted(admission) => Ok(HttpResponse::Created().json(CheckinResource::from(admission))),
        Verdict::Repeated(admission) => Ok(HttpResponse::Created().insert_header(REPLAYED_HEADER).json(CheckinResource::from(admission))),
        Verdict::Refused(refusal) => {
            ensure_event_exists(&state, event).await?;
            Err(problem_of_refusal(refusal))
        }
    }
}

/// Returns the problem 404 if the event does not exist. Called only after a refusal, so that an admission reads no more than it must.
pub(super) async fn ensure_event_exists(state: &AppState, event: EventId) -> Result<(), Problem> {
    state.reader.run(async |conn| queries::event(conn, event).await).await?.map(|_| ()).ok_or_else(event_not_found)
}
