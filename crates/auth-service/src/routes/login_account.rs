//! POST `/api/loginaccount`: a session for whoever knows the password.

use actix_web::{HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::problem::ProblemCode;
use rowlock_platform::http::{JsonFields, text};
use rowlock_platform::problem::Problem;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::account::AccountView;
use crate::keys::KeyError;
use crate::service::Auth;
use crate::sign_in::{Credentials, SignInError, SignedIn};

/// What somebody who has logged in, or stayed logged in, gets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedInView {
    token: String,
    refresh_token: String,
    expires_at: Timestamp,
    account: AccountView,
}

impl From<SignedIn> for SignedInView {
    fn from(signed_in: SignedIn) -> Self {
        let SignedIn { token, refresh_token, expires_at, account } = signed_in;
        Self { token, refresh_token, expires_at, account: account.into() }
    }
}

/// Any text, also one that cannot be a password: log-in does not tell the two apart.
fn any_text(value: &Value) -> Result<SecretString, String> {
    value.as_str().map(SecretString::from).ok_or_else(|| "must be a text".to_owned())
}

/// Reads `{email, password}`.
pub(super) fn credentials(mut fields: JsonFields) -> Result<Credentials, Problem> {
    let email = fields.required("email", text);
    let password = fields.required("password", any_text);
    let read = || Some(Credentials { email: email?, password: password? });
    fields.finish(read())
}

/// Reads `{refreshToken}`.
pub(super) fn refresh_token(mut fields: JsonFields) -> Result<String, Problem> {
    let token = fields.required("refreshToken", text::<String>);
    fields.finish(token)
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::BadCredentials => {
                Self::new(ProblemCode::BadCredentials, "There is no account with this e-mail and this password.")
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

/// Answers 200 with the tokens and the account, or 401 `bad-credentials`, whatever of the two was wrong.
pub(super) async fn login_account(auth: web::Data<Auth>, fields: JsonFields) -> Result<HttpResponse, Problem> {
    let signed_in = auth.log_in(credentials(fields)?, None).await?;
    Ok(HttpResponse::Ok().json(SignedInView::from(signed_in)))
}
