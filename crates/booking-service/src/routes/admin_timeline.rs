//! `GET /admin/events/{eventId}/timeline`: the sales of an event over time.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::Problems;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Organiser, QueryFields};
use rowlock_inventory::timeline::{self, PeriodRequest};
use utoipa::IntoParams;

use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::resources::TimelineResource;
use crate::state::AppState;

/// The period and its resolution.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `timeline` reads")]
struct TimelineParams {
    /// The start of the period. It is moved back to the start of its bucket. The default is the start of sales, or the first
    /// change if that was earlier.
    #[param(nullable = false, format = DateTime, example = "2026-11-27T18:00:00Z")]
    from: Option<String>,
    /// The end of the period. It is moved to the end of its bucket. The default is now, and for past and cancelled events the end
    /// of sales or the last change, whichever is later.
    #[param(nullable = false, format = DateTime, example = "2026-11-27T20:00:00Z")]
    to: Option<String>,
    /// The length of a bucket: `minute`, `hour` or `day`. Days begin at midnight UTC. The period may have at most 1,000 buckets.
    /// The default is the shortest length that gives at most 200 buckets.
    #[param(nullable = false, pattern = "^(minute|hour|day)$", example = "hour")]
    bucket: Option<String>,
}

route_problems!(TimelineProblems = Problems::for_administrators().with_input().and(&[ProblemCode::EventNotFound]));

/// Get the sales of an event over time.
///
/// Each bucket has what changed in it, and the totals at its end. Buckets without changes are included. The figures follow the
/// bookings with a delay that the operator sets, of about ten seconds by default; `upToDate` tells whether the response contains all
/// of them.
#[utoipa::path(
    get,
    path = "/admin/events/{eventId}/timeline",
    operation_id = "getTimeline",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), TimelineParams),
    responses(
        (status = 200, description = "The timeline.", body = TimelineResource, example = json!(examples::timeline())),
        TimelineProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn timeline(
    _: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    let mut query = QueryFields::of(&request)?;
    let (from, to, bucket) = (query.time("from"), query.time("to"), query.optional("bucket"));
    let period = query.finish((|| Some(PeriodRequest { from: from?, to: to?, bucket: bucket? }))())?;
    let now = state.clock.now();
    let timeline = state.reader.run(async |conn| timeline::read(conn, id, period, now).await).await?;
    match timeline.ok_or_else(event_not_found)? {
        Ok(timeline) => Ok(HttpResponse::Ok().json(TimelineResource::from(&timeline))),
        Err(error) => Err(Problem::invalid_field(error.field(), error.to_string())),
    }
}
