//! `POST /api/confirmemail`, `POST /api/resendconfirmation` and `POST /api/changeemail`: the address of an account and its
//! confirmation.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{Email, EmailLookupKeys};
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::{Caller, InvalidBody, JsonBody, KeyedRequest, route_problems};
use secrecy::SecretString;
use utoipa::ToSchema;

use super::create_account::check_email_domain;
use super::{LinkTokenText, MailSent, examples, mail_sent};
use crate::links::LinkError;
use crate::state::AuthState;

/// The token of a link that confirms an address.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmEmail {
    /// The token of the link.
    #[schema(value_type = String, min_length = 1, max_length = 1000, write_only)]
    token: LinkTokenText,
}

route_problems!(
    ConfirmProblems = Problems::for_anyone().with_body().changing().limited().and(&[ProblemCode::LinkNotFound, ProblemCode::EmailTaken])
);

/// Confirm an e-mail address with a link.
///
/// Needs no login. A link that was sent by `POST /api/changeemail` gives the account its new address, unless another account has it
/// by now. The same request again succeeds as well.
#[utoipa::path(
    post,
    path = "/api/confirmemail",
    operation_id = "confirmEmail",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = ConfirmEmail, example = json!(examples::link_token())),
    responses((status = 204, description = "The address is confirmed, or had been confirmed before."), ConfirmProblems),
)]
pub(super) async fn confirm(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<ConfirmEmail>,
) -> Result<HttpResponse, Problem> {
    let (ConfirmEmail { token }, _) = body.finish_keyed(&request)?;
    auth.limits.check_link(&request)?;
    auth.confirm_email(&token.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

route_problems!(ResendProblems = Problems::for_users().with_input().changing().limited().and(&[ProblemCode::MailDisabled]));

/// Request another link that confirms your e-mail address.
///
/// Sends nothing if the address is confirmed, or if five such links were requested within an hour.
#[utoipa::path(
    post,
    path = "/api/resendconfirmation",
    operation_id = "resendConfirmation",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    responses(
        (status = 202, description = "An e-mail is on its way, unless the address is confirmed.", body = MailSent, example = json!(examples::mail_sent())),
        ResendProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn resend(auth: web::Data<AuthState>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    KeyedRequest::of_path(&request)?;
    auth.limits.check_mail(&request, &EmailLookupKeys::of(&caller.email))?;
    auth.resend_confirmation(caller.sub).await?;
    Ok(mail_sent())
}

/// The new address and the current password.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEmail {
    /// The new address, with the rules of `POST /api/createaccount`.
    #[schema(value_type = String, max_length = 254, format = "email")]
    email: Email,
    /// The current password.
    #[deserr(from(String) = SecretString::from)]
    #[schema(value_type = String, format = Password, write_only)]
    password: SecretString,
}

route_problems!(
    ChangeProblems = Problems::for_users().with_body().changing().limited().and(&[ProblemCode::WrongPassword, ProblemCode::MailDisabled])
);

/// Request a change of your e-mail address.
///
/// A link is sent to the new address, and the account keeps its present one until the link is used with `POST /api/confirmemail`.
/// Earlier links to other addresses stop working. The response does not tell whether another account has the address. A wrong
/// password counts like one at a login, within the same limits.
#[utoipa::path(
    post,
    path = "/api/changeemail",
    operation_id = "changeEmail",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = ChangeEmail, example = json!(examples::change_email())),
    responses(
        (status = 202, description = "An e-mail to the new address is on its way.", body = MailSent, example = json!(examples::mail_sent())),
        ChangeProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn change(
    auth: web::Data<AuthState>,
    caller: Caller,
    request: HttpRequest,
    mut body: JsonBody<ChangeEmail>,
) -> Result<HttpResponse, Problem> {
    check_email_domain(&mut body, auth.email_domains);
    let (ChangeEmail { email, password }, _) = body.finish_keyed(&request)?;
    auth.limits.check_mail(&request, &email.lookup_keys())?;
    let attempt = auth.limits.admit_login(&request, &EmailLookupKeys::of(&caller.email)).await?;
    let result = auth.request_email_change(caller.sub, email, &password).await;
    match &result {
        Err(LinkError::WrongPassword) => attempt.failed(),
        Ok(()) => attempt.succeeded(),
        Err(_) => {}
    }
    result?;
    Ok(mail_sent())
}
