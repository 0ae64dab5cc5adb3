//! `POST /admin/loginaccount`: like `/api/loginaccount`, but for administrators only.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Role;
use rowlock_http::JsonBody;
use rowlock_http::openapi::Problems;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;

use super::examples;
use super::login_account::{credentials, log_in};
use crate::resources::{LogIn, LogInKeyHeader, SignedInResource};
use crate::state::AuthState;

route_problems!(
    AdminLogInProblems = Problems::for_anyone().with_body().changing().limited().and(&[
        ProblemCode::BadCredentials,
        ProblemCode::AccountDisabled,
        ProblemCode::TotpRequired,
        ProblemCode::BadTotp,
        ProblemCode::Forbidden
    ])
);

/// Log in as an administrator.
///
/// Like `POST /api/loginaccount`, but returns 403 for an account that is not an administrator's.
#[utoipa::path(
    post,
    path = "/admin/loginaccount",
    operation_id = "adminLogIn",
    tag = "administration",
    params(LogInKeyHeader),
    request_body(content = LogIn, example = json!(examples::admin_log_in())),
    responses(
        (status = 200, description = "The tokens and the account.", body = SignedInResource, example = json!(examples::signed_in(&examples::admin()))),
        AdminLogInProblems
    ),
)]
pub(super) async fn admin_login_account(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<LogIn>,
) -> Result<HttpResponse, Problem> {
    log_in(&auth, &request, credentials(&request, body)?, Some(Role::Admin)).await
}
