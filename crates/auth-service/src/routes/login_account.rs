//! `POST /api/loginaccount`: opens a session.

use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Role;
use rowlock_http::openapi::Problems;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{JsonFields, KeyedRequest, text};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::account::AccountView;
use super::examples;
use crate::keys::KeyError;
use crate::service::Auth;
use crate::sign_in::{Credentials, SignInError, SignedIn};

/// The tokens of a session and its account.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedInView {
    /// Access token, for the header `Authorization: Bearer TOKEN`.
    token: String,
    /// Refresh token, for `POST /api/refreshtoken` and `POST /api/logoutaccount`.
    refresh_token: String,
    /// When `token` expires.
    #[schema(value_type = DateTime)]
    expires_at: Timestamp,
    account: AccountView,
}

impl From<SignedIn> for SignedInView {
    fn from(signed_in: SignedIn) -> Self {
        let SignedIn { token, refresh_token, expires_at, account } = signed_in;
        Self { token, refresh_token, expires_at, account: account.into() }
    }
}

/// Reads any string, even one that cannot be a password, because login must not distinguish the two.
fn any_text(value: &Value) -> Result<SecretString, String> {
    value.as_str().map(SecretString::from).ok_or_else(|| "must be a text".to_owned())
}

/// The credentials of an account.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `credentials` reads")]
pub(super) struct LogIn {
    #[schema(max_length = 254, format = "email")]
    email: String,
    #[schema(format = Password, write_only)]
    password: String,
}

/// Idempotency key of a login.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `credentials` reads")]
pub(super) struct LogInKeyHeader {
    /// Makes the request safe to retry: the session of an earlier login with this key ends when the new one is opened, so that only
    /// one session remains. The tokens differ, because they are not stored.
    #[param(
        nullable = false,
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 200,
        pattern = "^[!-~]+$",
        example = "b2f1c0de-7a51-4c1e-9a39-4f0d8a1d2c11"
    )]
    idempotency_key: Option<String>,
}

/// The refresh token of a session.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `refresh_token` reads")]
pub(super) struct RefreshToken {
    /// The `refreshToken` of the last login or refresh.
    #[schema(format = Password, write_only)]
    refresh_token: String,
}

/// Reads [`LogIn`] and the idempotency key.
pub(super) fn credentials(request: &HttpRequest, mut fields: JsonFields) -> Result<Credentials, Problem> {
    let keyed = KeyedRequest::of_body(request, &mut fields);
    let email = fields.required("email", text);
    let password = fields.required("password", any_text);
    let read = || Some(Credentials { email: email?, password: password?, key: keyed?.map(|keyed| keyed.key) });
    fields.finish(read())
}

/// Reads [`RefreshToken`].
pub(super) fn refresh_token(request: &HttpRequest, mut fields: JsonFields) -> Result<String, Problem> {
    let keyed = KeyedRequest::of_body(request, &mut fields);
    let token = fields.required("refreshToken", text::<String>);
    fields.finish(keyed.and(token))
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::BadCredentials => {
                Self::new(ProblemCode::BadCredentials, "There is no account with this e-mail and this password.")
            }
            SignInError::Disabled => {
                Self::new(ProblemCode::AccountDisabled, "The account was disabled. Ask the organiser, and name the time of this answer.")
            }
            SignInError::NotAdmin => Self::new(ProblemCode::Forbidden, "This is for administrators. Users log in at /api/loginaccount."),
            SignInError::InvalidRefreshToken => {
                Self::new(ProblemCode::InvalidRefreshToken, "The refresh token is unknown, used up or expired. Log in again.")
            }
            SignInError::Hash(error) => error.into(),
            SignInError::Key(KeyError::NotLoaded) => {
                Self::new(ProblemCode::Unavailable, "Tokens cannot be signed at the moment. Please try again.")
            }
            SignInError::Key(error) => Self::internal(&error),
            SignInError::Database(error) => error.into(),
        }
    }
}

route_problems!(
    LogInProblems =
        Problems::for_anyone().with_body().changing().limited().and(&[ProblemCode::BadCredentials, ProblemCode::AccountDisabled])
);

/// Log in.
///
/// 401 `bad-credentials` does not reveal whether the e-mail address or the password was wrong. After three wrong passwords in a
/// row, each further attempt is delayed.
#[utoipa::path(
    post,
    path = "/api/loginaccount",
    operation_id = "logIn",
    tag = "sessions",
    params(LogInKeyHeader),
    request_body(content = LogIn, example = json!(examples::log_in())),
    responses(
        (status = 200, description = "The tokens and the account.", body = SignedInView, example = json!(examples::signed_in(&examples::account()))),
        LogInProblems
    ),
)]
pub(super) async fn login_account(auth: web::Data<Auth>, request: HttpRequest, fields: JsonFields) -> Result<HttpResponse, Problem> {
    log_in(&auth, &request, credentials(&request, fields)?, None).await
}

/// Logs in, for both routes, within the rate limits.
pub(super) async fn log_in(
    auth: &Auth,
    request: &HttpRequest,
    credentials: Credentials,
    needed: Option<Role>,
) -> Result<HttpResponse, Problem> {
    let log_in = auth.limits.logs_in(request, &credentials.email.forms()).await?;
    let result = auth.log_in(credentials, needed, user_agent(request)).await;
    match &result {
        Err(SignInError::BadCredentials) => log_in.was_wrong(),
        Ok(_) | Err(SignInError::NotAdmin | SignInError::Disabled) => log_in.was_right(),
        Err(_) => {}
    }
    Ok(HttpResponse::Ok().json(SignedInView::from(result?)))
}

/// Returns the `User-Agent` header without control characters, cut to the 200 characters that are stored.
fn user_agent(request: &HttpRequest) -> Option<String> {
    const MAX: usize = 200;
    let text = request.headers().get(USER_AGENT)?.to_str().ok()?;
    let text: String = text.chars().filter(|c| !c.is_control()).take(MAX).collect();
    Some(text).filter(|text| !text.trim().is_empty())
}
