//! `GET /api/events` and `GET /api/events/{eventId}`: the public events.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{KnownVersionHeader, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Page, QueryFields};
use rowlock_inventory::queries::{EventCursor, EventFilter, EventPeriod, EventStatuses};
use utoipa::IntoParams;

use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::resources::EventResource;
use crate::state::AppState;

/// Which events to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `list` reads")]
struct EventParams {
    /// Words that must all occur in name, venue or description, in any order. Parts of words match too, except that a term of
    /// one or two letters or digits matches only the beginning of a word. Case, accents, spellings such as `ß` and `ss`, and
    /// kinds of apostrophes, quotation marks and dashes make no difference; other symbols match only themselves.
    /// A search for spaces alone matches everything.
    #[param(nullable = false, max_length = 200, example = "race")]
    q: Option<String>,
    /// `upcoming`: events that have not ended, and those without a date. `past`: events that have ended, latest first. `all`:
    /// both. The default is `upcoming`, or `all` if `from` or `to` is given.
    #[param(nullable = false, pattern = "^(upcoming|past|all)$", example = "upcoming")]
    when: Option<String>,
    /// Only events that end at or after this time (`endsAt`, or `startsAt` if there is no end). Events without a date are
    /// included.
    #[param(nullable = false, format = DateTime, example = "2026-12-01T00:00:00Z")]
    from: Option<String>,
    /// Only events that start at or before this time. Events without a date are excluded.
    #[param(nullable = false, format = DateTime, example = "2027-01-01T00:00:00Z")]
    to: Option<String>,
}

route_problems!(ListProblems = Problems::for_anyone().with_input());

/// List published events by start. Events without a date come last.
///
/// The response is at most about a second old.
#[utoipa::path(
    get,
    path = "/api/events",
    operation_id = "listEvents",
    tag = "events",
    params(EventParams, PageParams, KnownVersionHeader),
    responses(
        (
            status = 200,
            description = "A page.",
            body = Page<EventResource>,
            headers(
                ("ETag" = String, description = "The version of the page, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            ),
            example = json!(examples::page(&examples::event()))
        ),
        (
            status = 304,
            description = "The client already has the current version.",
            headers(
                ("ETag" = String, description = "The version of the page, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            )
        ),
        ListProblems
    ),
)]
pub(super) async fn list(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let q = query.optional("q");
    let when = query.optional("when");
    let from = query.time("from");
    let to = query.time("to");
    let cursor = query.cursor::<EventCursor>();
    let limit = query.limit();
    let filter = (|| {
        let (from, to) = (from?, to?);
        let default = if from.is_none() && to.is_none() { EventPeriod::Upcoming } else { EventPeriod::All };
        Some(EventFilter { statuses: EventStatuses::public(), q: q?, period: when?.unwrap_or(default), from, to })
    })();
    let (filter, cursor, limit) = query.finish((|| Some((filter?, cursor?, limit?)))())?;
    Ok(state.event_cache.list(&filter, cursor, limit).await?.respond(&request))
}

route_problems!(GetProblems = Problems::for_anyone().and(&[ProblemCode::EventNotFound]));

/// Get an event that is or was public.
///
/// The response is at most about a second old.
#[utoipa::path(
    get,
    path = "/api/events/{eventId}",
    operation_id = "getEvent",
    tag = "events",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), KnownVersionHeader),
    responses(
        (
            status = 200,
            description = "The event.",
            body = EventResource,
            headers(
                ("ETag" = String, description = "The version of the event, for `If-None-Match` and an administrator's `If-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            ),
            example = json!(examples::event())
        ),
        (
            status = 304,
            description = "The client already has the current version.",
            headers(
                ("ETag" = String, description = "The version of the event, for `If-None-Match` and an administrator's `If-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            )
        ),
        GetProblems
    ),
)]
pub(super) async fn get(path: web::Path<String>, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    Ok(state.event_cache.event(id).await?.ok_or_else(event_not_found)?.respond(&request))
}
