//! `GET /admin/status/{eventId}`: returns the ticket counts and the waiting list of an event.

use actix_web::http::header::ETag;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TicketTypeId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Organiser, QueryFields};
use rowlock_inventory::queries;
use utoipa::IntoParams;

use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::etag::event_etag;
use crate::resources::EventStatusResource;
use crate::state::AppState;

/// Which entries of the waiting list to return.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `status` reads")]
struct WaitlistFilter {
    /// Return only the waiting list of this ticket type.
    #[param(nullable = false, format = Uuid)]
    ticket_type_id: Option<String>,
}

route_problems!(StatusProblems = Problems::for_administrators().with_input().and(&[ProblemCode::EventNotFound]));

/// Get the ticket counts and the waiting list of an event.
///
/// `cursor` and `limit` apply to the waiting list.
#[utoipa::path(
    get,
    path = "/admin/status/{eventId}",
    operation_id = "getEventStatus",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), WaitlistFilter, PageParams),
    responses(
        (
            status = 200,
            description = "The event, even if it is a draft.",
            body = EventStatusResource,
            headers(("ETag" = String, description = "The version of the event, for `If-Match`.")),
            example = json!(examples::event_status())
        ),
        StatusProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn status(
    _: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    let mut query = QueryFields::of(&request)?;
    let only = query.optional::<TicketTypeId>("ticketTypeId");
    let cursor = query.cursor::<(i16, i64)>();
    let limit = query.limit();
    let (only, cursor, limit) = query.finish((|| Some((only?, cursor?, limit?)))())?;
    let page = state.reader.run(async |conn| queries::status_page(conn, id, only, cursor, limit + 1).await).await?;
    let page = page.ok_or_else(event_not_found)?;
    let etag = ETag(event_etag(&page.event));
    Ok(HttpResponse::Ok().insert_header(etag).json(EventStatusResource::new(page, limit)))
}
