//! `POST /api/loginaccount`: opens a session.

use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Role;
use rowlock_http::JsonBody;
use rowlock_http::openapi::Problems;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;

use super::examples;
use crate::keys::KeyError;
use crate::login::{Credentials, LoginError};
use crate::resources::{LogIn, LogInKeyHeader, SignedInResource, TotpCode};
use crate::state::AuthState;

/// Reads [`LogIn`] and the idempotency key.
pub(super) fn credentials(request: &HttpRequest, body: JsonBody<LogIn>) -> Result<Credentials, Problem> {
    let (LogIn { email, password, totp }, keyed) = body.finish_keyed(request)?;
    let code = totp.into_option().map(|TotpCode(code)| code);
    Ok(Credentials { email, password, code, key: keyed.map(|keyed| keyed.key) })
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::BadCredentials => Self::new(ProblemCode::BadCredentials, "The e-mail address or the password is wrong."),
            LoginError::BadOrUnconfirmed => Self::new(
                ProblemCode::BadCredentials,
                "The e-mail address or the password is wrong, or you have not followed the link that confirms the address.",
            ),
            LoginError::Disabled => Self::new(
                ProblemCode::AccountDisabled,
                "This account is disabled. Contact the organizer, and mention the time of this response.",
            ),
            LoginError::NotAdmin => {
                Self::new(ProblemCode::Forbidden, "Only administrators can log in here. Users log in with POST /api/loginaccount.")
            }
            LoginError::CodeRequired => {
                Self::new(ProblemCode::TotpRequired, "Send the code of your authenticator app, or a recovery code, as `totp`.")
            }
            LoginError::WrongCode => Self::new(ProblemCode::BadTotp, "The code is wrong, expired or already used. Wait for the next one."),
            LoginError::SecondFactor(error) => error.into(),
            LoginError::InvalidRefreshToken => {
                Self::new(ProblemCode::InvalidRefreshToken, "The refresh token is unknown, expired or already used. Log in again.")
            }
            LoginError::Contended => Self::new(
                ProblemCode::Overloaded,
                "Other requests are changing this account at the same time. You are not logged in; try again.",
            ),
            LoginError::Hash(error) => error.into(),
            LoginError::Key(KeyError::NotLoaded) => {
                Self::new(ProblemCode::Unavailable, "No signing key is available at the moment. Try again later.")
            }
            LoginError::Key(error) => Self::internal(&error),
            LoginError::Database(error) => error.into(),
        }
    }
}

route_problems!(
    LogInProblems = Problems::for_anyone().with_body().changing().limited().and(&[
        ProblemCode::BadCredentials,
        ProblemCode::AccountDisabled,
        ProblemCode::TotpRequired,
        ProblemCode::BadTotp
    ])
);

/// Log in.
///
/// 401 `bad-credentials` does not reveal whether the e-mail address or the password was wrong. After three wrong passwords in a
/// row, each further attempt is delayed. The same holds for wrong codes of the second factor of an administrator: the right password
/// without a code gets 401 `totp-required`, and with a wrong one 401 `bad-totp`. A code is accepted once.
#[utoipa::path(
    post,
    path = "/api/loginaccount",
    operation_id = "logIn",
    tag = "sessions",
    params(LogInKeyHeader),
    request_body(content = LogIn, example = json!(examples::log_in())),
    responses(
        (status = 200, description = "The tokens and the account.", body = SignedInResource, example = json!(examples::signed_in(&examples::account()))),
        LogInProblems
    ),
)]
pub(super) async fn login_account(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<LogIn>,
) -> Result<HttpResponse, Problem> {
    log_in(&auth, &request, credentials(&request, body)?, None).await
}

/// Logs in, for both routes, within the rate limits.
pub(super) async fn log_in(
    auth: &AuthState,
    request: &HttpRequest,
    credentials: Credentials,
    required_role: Option<Role>,
) -> Result<HttpResponse, Problem> {
    let attempt = auth.limits.admit_login(request, &credentials.email.lookup_keys()).await?;
    let result = auth.log_in(credentials, required_role, user_agent(request)).await;
    match &result {
        Err(LoginError::BadCredentials | LoginError::BadOrUnconfirmed | LoginError::WrongCode) => attempt.failed(),
        Ok(_) | Err(LoginError::NotAdmin | LoginError::Disabled) => attempt.succeeded(),
        // `CodeRequired` as well: the right password alone does not reset the count of wrong codes.
        Err(_) => {}
    }
    Ok(HttpResponse::Ok().json(SignedInResource::from(result?)))
}

/// Returns the `User-Agent` header without control characters, cut to the 200 characters that are stored.
fn user_agent(request: &HttpRequest) -> Option<String> {
    const MAX: usize = 200;
    let text = request.headers().get(USER_AGENT)?.to_str().ok()?;
    let text: String = text.chars().filter(|c| !c.is_control()).take(MAX).collect();
    Some(text).filter(|text| !text.trim().is_empty())
}
