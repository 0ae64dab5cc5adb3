//! `/api/sessions`: lists and ends the caller's sessions.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::SessionId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, KeyedRequest, MaybeRevokedCaller, Page, QueryFields};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::examples;
use crate::state::AuthState;
use crate::store::LiveSession;

/// A session of the caller.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionResource {
    #[serde(flatten)]
    session: LiveSession,
    /// Whether this is the session of the request.
    current: bool,
}

route_problems!(SessionsProblems = Problems::for_users().with_input());

/// List your sessions, newest first.
#[utoipa::path(
    get,
    path = "/api/sessions",
    operation_id = "listSessions",
    tag = "sessions",
    params(PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<SessionResource>, example = json!(examples::page(&examples::session()))),
        SessionsProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn list(auth: web::Data<AuthState>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = QueryFields::page::<SessionId>(&request)?;
    let sessions = auth.store.sessions(caller.sub, cursor, limit).await?;
    let view = |session: LiveSession| SessionResource { current: session.id == caller.sid, session };
    Ok(HttpResponse::Ok().json(Page::cut(sessions, limit, |session| session.id, view)))
}

route_problems!(EndProblems = Problems::for_users().with_input().changing().and(&[ProblemCode::SessionNotFound]));

/// End one of your sessions.
///
/// Its refresh token stops working immediately, its access token within a minute.
#[utoipa::path(
    delete,
    path = "/api/sessions/{sessionId}",
    operation_id = "endSession",
    tag = "sessions",
    params(("sessionId" = Uuid, Path, description = "The session.", example = json!(examples::SESSION)), NaturallyIdempotentKeyHeader),
    responses((status = 204, description = "The session has ended, or had ended before."), EndProblems),
    security(("token" = [])),
)]
pub(super) async fn end(
    auth: web::Data<AuthState>,
    caller: MaybeRevokedCaller,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    KeyedRequest::of_path(&request)?;
    let none = || Problem::new(ProblemCode::SessionNotFound, "You have no session with this id.");
    let id: SessionId = path.parse().map_err(|_| none())?;
    // A session that has ended itself gets 204 for a repeated request as well.
    if caller.has_ended() && caller.claims().sid == id {
        return Ok(HttpResponse::NoContent().finish());
    }
    let caller = caller.still_valid()?;
    if auth.store.end_own_session(caller.sub, id).await? { Ok(HttpResponse::NoContent().finish()) } else { Err(none()) }
}

/// Which sessions to end.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `end_others` reads")]
struct EndedSessions {
    /// Whether the current session ends as well.
    #[param(nullable = false, default = false)]
    all: Option<bool>,
}

route_problems!(EndOthersProblems = Problems::for_users().with_input().changing());

/// End all of your sessions, except the current one unless `all=true`.
///
/// Their refresh tokens stop working immediately, their access tokens within a minute.
#[utoipa::path(
    delete,
    path = "/api/sessions",
    operation_id = "endOtherSessions",
    tag = "sessions",
    params(EndedSessions, NaturallyIdempotentKeyHeader),
    responses((status = 204, description = "All other sessions have ended, and with `all=true` the current one as well."), EndOthersProblems),
    security(("token" = [])),
)]
pub(super) async fn end_others(
    auth: web::Data<AuthState>,
    caller: MaybeRevokedCaller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    KeyedRequest::of_path(&request)?;
    let mut query = QueryFields::of(&request)?;
    let all = query.optional::<bool>("all");
    let all = query.finish(all)?.unwrap_or(false);
    // The request that has ended all sessions gets 204 for a repeated request as well.
    if all && caller.has_ended() && auth.store.sessions(caller.claims().sub, None, 0).await?.is_empty() {
        return Ok(HttpResponse::NoContent().finish());
    }
    let caller = caller.still_valid()?;
    auth.store.end_sessions(caller.sub, (!all).then_some(caller.sid)).await?;
    Ok(HttpResponse::NoContent().finish())
}
