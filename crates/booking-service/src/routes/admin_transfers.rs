//! `GET /admin/events/{eventId}/transfers`: lists the transfers of tickets of an event, for support.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TransferId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Organiser, Page, QueryFields};
use rowlock_inventory::queries;

use super::admin_check_in::ensure_event_exists;
use super::targets::event_in_path;
use super::{examples as common_examples, transfer_examples as examples};
use crate::resources::EventTransferResource;
use crate::state::AppState;

route_problems!(TransfersProblems = Problems::for_administrators().with_input().and(&[ProblemCode::EventNotFound]));

/// List the transfers of an event, newest first.
///
/// Use it to find out what became of tickets that somebody has given away. Nobody but the two accounts can change a transfer; to undo
/// one that was accepted, cancel the booking of the receiver.
#[utoipa::path(
    get,
    path = "/admin/events/{eventId}/transfers",
    operation_id = "listEventTransfers",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(common_examples::EVENT)), PageParams),
    responses(
        (
            status = 200,
            description = "A page.",
            body = Page<EventTransferResource>,
            example = json!(common_examples::page(&examples::of_event()))
        ),
        TransfersProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn transfers(
    _: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    let (cursor, limit) = QueryFields::page::<TransferId>(&request)?;
    ensure_event_exists(&state, event).await?;
    let rows = state.reader.run(async |conn| queries::transfers_of_event(conn, event, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.transfer.id, EventTransferResource::from)))
}
