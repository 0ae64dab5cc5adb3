//! `POST /admin/loginaccount`: like `/api/loginaccount`, but for administrators only.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Role;
use rowlock_http::JsonFields;
use rowlock_http::openapi::Problems;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;

use super::examples;
use super::login_account::{LogIn, LogInKeyHeader, SignedInView, credentials, log_in};
use crate::service::Auth;

route_problems!(
    AdminLogInProblems = Problems::for_anyone().with_body().changing().limited().and(&[
        ProblemCode::BadCredentials,
        ProblemCode::AccountDisabled,
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
        (status = 200, description = "The tokens and the account.", body = SignedInView, example = json!(examples::signed_in(&examples::admin()))),
        AdminLogInProblems
    ),
)]
pub(super) async fn admin_login_account(auth: web::Data<Auth>, request: HttpRequest, fields: JsonFields) -> Result<HttpResponse, Problem> {
    log_in(&auth, &request, credentials(&request, fields)?, Some(Role::Admin)).await
}
