//! `POST /api/refreshtoken`: returns new tokens for a session.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::JsonBody;
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;

use super::examples;
use crate::resources::{RefreshToken, SignedInResource};
use crate::state::AuthState;

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
        (status = 200, description = "The new tokens.", body = SignedInResource, example = json!(examples::signed_in(&examples::account()))),
        RefreshProblems
    ),
)]
pub(super) async fn refresh_token(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<RefreshToken>,
) -> Result<HttpResponse, Problem> {
    let (body, _) = body.finish_keyed(&request)?;
    let tokens = auth.refresh(&body.refresh_token).await?;
    Ok(HttpResponse::Ok().json(SignedInResource::from(tokens)))
}
