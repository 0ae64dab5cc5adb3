//! `POST /api/logoutaccount`: ends a session.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::JsonBody;
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;

use super::examples;
use crate::resources::RefreshToken;
use crate::state::AuthState;

route_problems!(LogOutProblems = Problems::for_anyone().with_body().changing().and(&[ProblemCode::InvalidRefreshToken]));

/// Log out.
///
/// Ends the session to which the refresh token belongs.
#[utoipa::path(
    post,
    path = "/api/logoutaccount",
    operation_id = "logOut",
    tag = "sessions",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = RefreshToken, example = json!(examples::refresh_token())),
    responses((status = 204, description = "The session has ended, or had ended before."), LogOutProblems),
)]
pub(super) async fn logout_account(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<RefreshToken>,
) -> Result<HttpResponse, Problem> {
    let (body, _) = body.finish_keyed(&request)?;
    auth.log_out(&body.refresh_token).await?;
    Ok(HttpResponse::NoContent().finish())
}
