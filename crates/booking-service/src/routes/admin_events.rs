//! `GET /admin/events`: lists all events, including drafts and cancelled ones.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_http::openapi::{PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Page, QueryFields};
use rowlock_inventory::queries::{self, EventCursor, EventFilter, EventPeriod, EventStatuses};
use utoipa::IntoParams;

use super::examples;
use crate::resources::ListedEventResource;
use crate::service::Booking;

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
pub(super) async fn events(_: AdminCaller, request: HttpRequest, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
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
    let rows = booking.reader.run(async |conn| queries::list_events(conn, &filter, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| EventCursor::behind(&row.event), |row| ListedEventResource::from(&row))))
}
