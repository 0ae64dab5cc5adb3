//! `DELETE /admin/events/{eventId}/checkins/{checkinId}` and `GET /admin/events/{eventId}/checkins/summary`: undoes a check-in, and
//! counts check-ins.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::AuditEntryId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Door, REPLAYED_HEADER, key_reused};
use rowlock_inventory::tickets::{self, KeyedOutcome, RequestKey, Undo};

use super::admin_check_in::ensure_event_exists;
use super::command::idempotency_without_body;
use super::targets::{event_in_path, event_not_found};
use super::ticket_examples as examples;
use crate::resources::CheckinSummaryResource;
use crate::state::AppState;

route_problems!(
    UndoProblems = Problems::for_administrators().with_input().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::CheckinNotFound,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Undo a check-in.
///
/// The ticket can be checked in again, or given back. The audit log records who undid it.
#[utoipa::path(
    delete,
    path = "/admin/events/{eventId}/checkins/{checkinId}",
    operation_id = "undoCheckIn",
    tag = "check-in",
    params(
        ("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)),
        ("checkinId" = Uuid, Path, description = "The check-in.", example = json!(examples::CHECKIN)),
        IdempotencyKeyHeader
    ),
    responses(
        (
            status = 204,
            description = "The ticket is not checked in.",
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the response to an earlier request with the same key."))
        ),
        UndoProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn undo(
    admin: AdminCaller<Door>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_without_body(&request)?.map(|idempotency| RequestKey { account: admin.sub, idempotency });
    let (event, checkin) = path.into_inner();
    let event = event_in_path(&event)?;
    if let Ok(checkin) = checkin.parse() {
        let audit = (AuditEntryId::from_uuid(state.clock.uuid()), admin.actor());
        match tickets::undo(&state.pool, &Undo { event, checkin, audit }, key.as_ref()).await? {
            KeyedOutcome::New(true) => return Ok(HttpResponse::NoContent().finish()),
            KeyedOutcome::Repeated(_) => return Ok(HttpResponse::NoContent().insert_header(REPLAYED_HEADER).finish()),
            KeyedOutcome::KeyReused => return Err(key_reused()),
            KeyedOutcome::New(false) => {}
        }
    }
    ensure_event_exists(&state, event).await?;
    Err(Problem::new(ProblemCode::CheckinNotFound, "The event has no check-in with this id."))
}

route_problems!(SummaryProblems = Problems::for_administrators().and(&[ProblemCode::EventNotFound]));

/// Count the tickets that were checked in and those that are expected.
#[utoipa::path(
    get,
    path = "/admin/events/{eventId}/checkins/summary",
    operation_id = "getCheckinSummary",
    tag = "check-in",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT))),
    responses((status = 200, description = "The counts.", body = CheckinSummaryResource, example = json!(examples::summary())), SummaryProblems),
    security(("token" = [])),
)]
pub(super) async fn summary(_: AdminCaller<Door>, path: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    let summary = state.reader.run(async |conn| tickets::summary(conn, event).await).await?.ok_or_else(event_not_found)?;
    Ok(HttpResponse::Ok().json(CheckinSummaryResource::from(summary)))
}
