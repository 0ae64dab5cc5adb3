//! `POST /api/forgotpassword` and `POST /api/resetpassword`: a new password with a link in an e-mail.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{LoginEmail, Password};
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::{InvalidBody, JsonBody, route_problems};
use utoipa::ToSchema;

use super::{LinkTokenText, MailSent, examples, mail_sent};
use crate::state::AuthState;

/// The address of an account whose password was forgotten.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgotPassword {
    #[schema(value_type = String, max_length = 254, format = "email")]
    email: LoginEmail,
}

route_problems!(ForgotProblems = Problems::for_anyone().with_body().changing().limited().and(&[ProblemCode::MailDisabled]));

/// Request a link to reset a forgotten password.
///
/// The response and its time are the same whether or not an account has the address. The link works once, for 30 minutes unless
/// the setting `mail.reset_link_seconds` says otherwise. A disabled account gets no e-mail, and an address at most five per hour.
#[utoipa::path(
    post,
    path = "/api/forgotpassword",
    operation_id = "forgotPassword",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = ForgotPassword, example = json!({"email": "ada@example.org"})),
    responses(
        (status = 202, description = "If an account has the address, an e-mail is on its way.", body = MailSent, example = json!(examples::mail_sent())),
        ForgotProblems
    ),
)]
pub(super) async fn forgot(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<ForgotPassword>,
) -> Result<HttpResponse, Problem> {
    let (ForgotPassword { email }, _) = body.finish_keyed(&request)?;
    let email = email.lookup_keys();
    auth.limits.check_mail(&request, &email)?;
    auth.send_reset_link(&email).await?;
    Ok(mail_sent())
}

/// The token of a link and the new password.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ResetPassword {
    /// The token of the link.
    #[schema(value_type = String, min_length = 1, max_length = 1000, write_only)]
    token: LinkTokenText,
    /// At least 8 characters and at most 72 bytes in UTF-8; no control characters, and none of the most common passwords.
    #[schema(value_type = String, min_length = 8, max_length = 72, format = Password, write_only)]
    new_password: Password,
}

route_problems!(ResetProblems = Problems::for_anyone().with_body().changing().limited().and(&[ProblemCode::LinkNotFound]));

/// Reset a password with a link.
///
/// All sessions end, all other links to reset the password stop working, and the address counts as confirmed. A second factor
/// stays. The same request again succeeds as well.
#[utoipa::path(
    post,
    path = "/api/resetpassword",
    operation_id = "resetPassword",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = ResetPassword, example = json!(examples::reset_password())),
    responses((status = 204, description = "The password is changed, and all sessions have ended."), ResetProblems),
)]
pub(super) async fn reset(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<ResetPassword>,
) -> Result<HttpResponse, Problem> {
    let (ResetPassword { token, new_password }, _) = body.finish_keyed(&request)?;
    auth.limits.check_link(&request)?;
    auth.reset_password(&token.0, new_password).await?;
    Ok(HttpResponse::NoContent().finish())
}
