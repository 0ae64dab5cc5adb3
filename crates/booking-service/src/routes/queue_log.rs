//! `GET /api/events/{eventId}/queue-log`: what happened to the waiting list of a ticket type.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{TicketTypeId, TypeKey};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::QueryFields;
use rowlock_http::openapi::{KnownVersionHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use utoipa::IntoParams;

use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::resources::QueueLogResource;
use crate::state::AppState;

/// The largest number of records on a page.
const MAX_RECORDS: i64 = 1000;

/// Which records to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `get` reads")]
struct QueueLogParams {
    /// The ticket type. Required if the event has several.
    #[param(nullable = false, format = Uuid, example = "01936f1d-77a0-7c44-8d10-5e2b7a9c3f04")]
    ticket_type_id: Option<String>,
    /// Only records after this position: the `nextAfter` of the previous page. The default is 0, before the first record.
    #[param(nullable = false, minimum = 0, example = 0)]
    after: Option<i64>,
    /// Maximum number of records on the page. The default is 100.
    #[param(nullable = false, minimum = 1, maximum = 1000, example = 1000)]
    limit: Option<i64>,
}

/// A position in a log, from 0.
struct Position(i64);

impl std::str::FromStr for Position {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().filter(|position| *position >= 0).map(Self).ok_or("must be a number from 0")
    }
}

route_problems!(QueueLogProblems = Problems::for_anyone().with_input().and(&[ProblemCode::EventNotFound]));

/// List what happened to the waiting list of a ticket type, oldest first.
///
/// Every record contains a hash of itself and of those before it, so that nothing in the log can be changed unnoticed, and what is
/// needed to check that no entry was skipped. An entry is only a number: the log contains nothing about its holder. The guide
/// `docs/queue-log.md` describes how to check it; `rowlockctl queue verify` does so. The response is at most about a second old.
#[utoipa::path(
    get,
    path = "/api/events/{eventId}/queue-log",
    operation_id = "getQueueLog",
    tag = "waiting list",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), QueueLogParams, KnownVersionHeader),
    responses(
        (
            status = 200,
            description = "A page of the log.",
            body = QueueLogResource,
            headers(
                ("ETag" = String, description = "The version of the page, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            ),
            example = json!(examples::queue_log())
        ),
        (
            status = 304,
            description = "The client already has the current version.",
            headers(
                ("ETag" = String, description = "The version of the page, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            )
        ),
        QueueLogProblems
    ),
)]
pub(super) async fn get(path: web::Path<String>, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    let mut query = QueryFields::of(&request)?;
    let ticket_type = query.optional::<TicketTypeId>("ticketTypeId");
    let after = query.optional::<Position>("after");
    let limit = query.limit_up_to(MAX_RECORDS, 100);
    let (ticket_type, after, limit) = query.finish((|| Some((ticket_type?, after?, limit?)))())?;
    let types = state.event_cache.ticket_types(event).await?;
    let ticket_type = match (ticket_type, &*types) {
        (_, []) => return Err(event_not_found()),
        (Some(given), types) if types.contains(&given) => given,
        (Some(_), _) => return Err(Problem::invalid_field("ticketTypeId", "is not a ticket type of this event")),
        (None, [only]) => *only,
        (None, _) => return Err(Problem::invalid_field("ticketTypeId", "is required: the event has several ticket types")),
    };
    let key = TypeKey { event, ticket_type };
    let after = after.map_or(0, |Position(after)| after);
    Ok(state.event_cache.queue_log(key, after, limit).await?.ok_or_else(event_not_found)?.respond(&request))
}
