//! `GET /admin/events` and `GET /admin/events/{eventId}`: all events, including drafts and cancelled ones.

use actix_web::http::header::ETag;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Door, Page, QueryFields};
use rowlock_inventory::queries::{self, EventCursor, EventFilter, EventPeriod, EventStatuses};
use utoipa::IntoParams;

use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::etag::event_etag;
use crate::resources::ListedEventResource;
use crate::state::AppState;

/// Which events to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `events` reads")]
struct AllEventsParams {
    /// Words that must all occur in name, venue or description, as in the public list.
    #[param(nullable = false, max_length = 200, example = "race")]
    q: Option<String>,
    /// One or more statuses, separated by commas; all of them if omitted.
    #[param(nullable = false, pattern = "^(draft|published|cancelled)(,(draft|published|cancelled))*$", example = "draft,published")]
    status: Option<String>,
    /// `upcoming`: events that have not ended, and those without a date. `past`: events that have ended, latest first. `all`,
    /// the default: both.
    #[param(nullable = false, pattern = "^(upcoming|past|all)$", example = "upcoming")]
    when: Option<String>,
}

route_problems!(EventsProblems = Problems::for_administrators().with_input());

/// List all events by start, including drafts and cancelled ones. Events without a date come last.
#[utoipa::path(
    get,
    path = "/admin/events",
    operation_id = "listAllEvents",
    tag = "administration",
    params(AllEventsParams, PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<ListedEventResource>, example = json!(examples::page(&examples::listed_event()))),
        EventsProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn events(_: AdminCaller<Door>, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let q = query.optional("q");
    let statuses = query.optional::<EventStatuses>("status");
    let when = query.optional("when");
    let cursor = query.cursor::<EventCursor>();
    let limit = query.limit();
    let filter = (|| {
        Some(EventFilter {
            statuses: statuses?.unwrap_or_else(EventStatuses::all),
            q: q?,
            period: when?.unwrap_or(EventPeriod::All),
            from: None,
            to: None,
        })
    })();
    let (filter, cursor, limit) = query.finish((|| Some((filter?, cursor?, limit?)))())?;
    let rows = state.reader.run(async |conn| queries::list_events(conn, &filter, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| EventCursor::after(&row.event), |row| ListedEventResource::from(&row))))
}

route_problems!(EventProblems = Problems::for_administrators().and(&[ProblemCode::EventNotFound]));

/// Get an event as administrators see it, including drafts.
#[utoipa::path(
    get,
    path = "/admin/events/{eventId}",
    operation_id = "getEventForAdministrators",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT))),
    responses(
        (
            status = 200,
            description = "The event.",
            body = ListedEventResource,
            headers(("ETag" = String, description = "The version of the event, for `If-Match`.")),
            example = json!(examples::listed_event())
        ),
        EventProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn event(_: AdminCaller<Door>, path: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    let event = state.reader.run(async |conn| queries::event(conn, id).await).await?.ok_or_else(event_not_found)?;
    Ok(HttpResponse::Ok().insert_header(ETag(event_etag(&event))).json(ListedEventResource::from(&event)))
}
