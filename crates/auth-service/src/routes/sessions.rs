//! `/api/sessions`: where somebody is logged in, and putting an end to it.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::SessionId;
use rowlock_domain::problem::ProblemCode;
use rowlock_platform::http::{Caller, Page, QueryFields};
use rowlock_platform::problem::Problem;
use serde::Serialize;

use crate::service::Auth;
use crate::store::LiveSession;

/// A session, and whether it is the one that asks.
#[derive(Serialize)]
struct SessionView {
    #[serde(flatten)]
    session: LiveSession,
    current: bool,
}

/// Answers 200 with a page of the sessions that are alive, the newest first. `?cursor&limit`.
pub(super) async fn list(auth: web::Data<Auth>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<SessionId>();
    let limit = query.limit();
    let (cursor, limit) = query.finish(cursor.zip(limit))?;
    let sessions = auth.store.sessions(caller.sub, cursor, limit).await?;
    let view = |session: LiveSession| SessionView { current: session.id == caller.sid, session };
    Ok(HttpResponse::Ok().json(Page::cut(sessions, limit, |session| session.id, view)))
}

/// Ends one session: its refresh token is used up, and its access token within a minute. Answers 204, also when it had ended
/// before; 404 for another's.
pub(super) async fn end(auth: web::Data<Auth>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let none = || Problem::new(ProblemCode::SessionNotFound, "You have no session with this id.");
    let id: SessionId = path.parse().map_err(|_| none())?;
    if auth.store.end_own_session(caller.sub, id).await? { Ok(HttpResponse::NoContent().finish()) } else { Err(none()) }
}

/// Ends all sessions but the one that asks. Answers 204.
pub(super) async fn end_others(auth: web::Data<Auth>, caller: Caller) -> Result<HttpResponse, Problem> {
    auth.store.end_other_sessions(caller.sub, caller.sid).await?;
    Ok(HttpResponse::NoContent().finish())
}
