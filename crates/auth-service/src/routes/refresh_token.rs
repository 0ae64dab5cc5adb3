//! `POST /api/refreshtoken`: returns new tokens for a session.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::JsonFields;
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;

use super::examples;
use super::login_account::{RefreshToken, SignedInView, refresh_token as read};
use crate::service::Auth;

route_problems!(RefreshProblems = Problems::for_anyone().with_body().changing().and(&[ProblemCode::InvalidRefreshToken]));

/// Stay logged in.
///
/// Returns a new access token and a new refresh token. For 60 s a superseded refresh token still gets the current successor, in
/// case of several tabs or a lost response; used later, it ends the session.
#[utoipa::path(
    post,
    path = "/api/refreshtoken",
    operation_id = "refreshToken",
    tag = "sessions",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = RefreshToken, example = json!(examples::refresh_token())),
    responses(
        (status = 200, description = "The next tokens.", body = SignedInView, example = json!(examples::signed_in(&examples::account()))),
        RefreshProblems
    ),
)]
pub(super) async fn refresh_token(auth: web::Data<Auth>, request: HttpRequest, fields: JsonFields) -> Result<HttpResponse, Problem> {
    let signed_in = auth.refresh(&read(&request, fields)?).await?;
    Ok(HttpResponse::Ok().json(SignedInView::from(signed_in)))
}
