//! `GET /api/events/{eventId}/live` and `GET /api/live`: live updates as Server-Sent Events.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::Caller;
use rowlock_http::openapi::Problems;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use utoipa::IntoParams;

use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::state::AppState;

/// The last update that the client has received.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what the routes read")]
struct LastEventIdHeader {
    /// The `id` of the last update that the client received over an earlier stream. Browsers send it when they reconnect.
    #[param(nullable = false, rename = "Last-Event-ID", example = "1764267600123456")]
    last_event_id: Option<String>,
}

route_problems!(EventProblems = Problems::for_anyone().limited().and(&[ProblemCode::EventNotFound]));

/// Follow the availability of an event.
///
/// A stream of Server-Sent Events. It begins with the current state, also after a reconnection, and sends another one after each
/// change, at most four times a second.
///
/// - `availability`: the data is an `Availability` in JSON. The `id` is `VERSION.CONTENT`; both numbers only grow, the first with
///   each change by an administrator, the second with each change of the counts.
/// - `gone`: the event was deleted or withdrawn from the public. The stream ends.
///
/// Comments keep the stream alive. When it ends, connect again after the time in `retry`.
#[utoipa::path(
    get,
    path = "/api/events/{eventId}/live",
    operation_id = "followEvent",
    tag = "events",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), LastEventIdHeader),
    responses(
        (
            status = 200,
            description = "The stream.",
            body = String,
            content_type = "text/event-stream",
            headers(("Cache-Control" = String, description = "`no-store`.")),
            example = json!(examples::availability_stream())
        ),
        EventProblems
    ),
)]
pub(super) async fn event(path: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    state.event_cache.event(id).await?.ok_or_else(event_not_found)?;
    state.live.event_stream(id).await
}

route_problems!(AccountProblems = Problems::for_users().limited());

/// Follow your bookings and waiting-list entries.
///
/// A stream of Server-Sent Events. It begins with both lists, also after a reconnection, and sends a list again whenever it has
/// changed. The `id` is a time in microseconds since 1970, so a greater one is newer.
///
/// - `bookings`: the data is your newest 100 bookings, as `GET /api/bookings` returns them.
/// - `waitlist`: the data is your newest 100 waiting-list entries with their positions, as `GET /api/waitlist` returns them.
/// - `promoted`: an entry has become a booking. The data is the `WaitlistEntry`. A promotion that happened while the client was
///   reconnecting with `Last-Event-ID` is reported then. It can be reported twice.
/// - `expired`: the stream ends, and `reason` is `token-expired` or `session-ended`. Get a new access token before you connect again.
///
/// Comments keep the stream alive. When it ends, connect again after the time in `retry`.
#[utoipa::path(
    get,
    path = "/api/live",
    operation_id = "followAccount",
    tag = "bookings",
    params(LastEventIdHeader),
    responses(
        (
            status = 200,
            description = "The stream.",
            body = String,
            content_type = "text/event-stream",
            headers(("Cache-Control" = String, description = "`no-store`.")),
            example = json!(examples::account_stream())
        ),
        AccountProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn account(caller: Caller, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    state.live.account_stream(caller, &request).await
}
