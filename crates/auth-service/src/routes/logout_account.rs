//! `POST /api/logoutaccount`: ends a session.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::JsonFields;
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;

use super::examples;
use super::login_account::{RefreshToken, refresh_token};
use crate::service::Auth;

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
    responses((status = 204, description = "The session has ended; also when it had before."), LogOutProblems),
)]
pub(super) async fn logout_account(auth: web::Data<Auth>, request: HttpRequest, fields: JsonFields) -> Result<HttpResponse, Problem> {
    auth.log_out(&refresh_token(&request, fields)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
