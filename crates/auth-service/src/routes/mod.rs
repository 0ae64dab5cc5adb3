//! The HTTP routes, one file per group of endpoints.

mod account;
mod admin_accounts;
mod admin_create_account;
mod admin_login_account;
mod admin_second_factor;
mod change_password;
mod confirm_email;
mod contacts;
mod create_account;
mod examples;
mod forgot_password;
mod jwks;
mod login_account;
mod logout_account;
mod refresh_token;
mod revocations;
mod sessions;
mod unsubscribe;

use actix_web::{HttpResponse, web};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_http::{InvalidBody, Routes, text_field};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::links::LinkError;
use crate::passwords::HashError;

/// Returns all routes. Those under `/internal` are for services, and the gateway does not route them.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .post("/api/createaccount", create_account::create_account)
        .post("/api/loginaccount", login_account::login_account)
        .post("/api/refreshtoken", refresh_token::refresh_token)
        .post("/api/logoutaccount", logout_account::logout_account)
        .get("/api/account", account::account)
        .patch("/api/account", account::change)
        .delete("/api/account", account::erase)
        .get("/api/account/export", account::export)
        .post("/api/changepassword", change_password::change_password)
        .post("/api/forgotpassword", forgot_password::forgot)
        .post("/api/resetpassword", forgot_password::reset)
        .post("/api/confirmemail", confirm_email::confirm)
        .post("/api/resendconfirmation", confirm_email::resend)
        .post("/api/changeemail", confirm_email::change)
        .post("/api/unsubscribe", unsubscribe::unsubscribe)
        .get("/api/sessions", sessions::list)
        .delete("/api/sessions", sessions::end_others)
        .delete("/api/sessions/{sessionId}", sessions::end)
        .post("/admin/createaccount", admin_create_account::admin_create_account)
        .post("/admin/loginaccount", admin_login_account::admin_login_account)
        .post("/admin/enabletotp", admin_second_factor::enable)
        .post("/admin/confirmtotp", admin_second_factor::confirm)
        .post("/admin/disabletotp", admin_second_factor::disable)
        .get("/admin/accounts", admin_accounts::admin_accounts)
        .patch("/admin/accounts/{accountId}", admin_accounts::change)
        .post("/admin/accounts/{accountId}/disable", admin_accounts::disable)
        .post("/admin/accounts/{accountId}/enable", admin_accounts::enable)
        .get("/internal/revocations", revocations::revocations)
        .post("/internal/contacts", contacts::contacts)
        .get("/.well-known/jwks.json", jwks::jwks)
}

/// The OpenAPI description of the public routes.
#[derive(OpenApi)]
#[openapi(paths(
    create_account::create_account,
    login_account::login_account,
    refresh_token::refresh_token,
    logout_account::logout_account,
    account::account,
    account::change,
    account::erase,
    account::export,
    change_password::change_password,
    forgot_password::forgot,
    forgot_password::reset,
    confirm_email::confirm,
    confirm_email::resend,
    confirm_email::change,
    unsubscribe::unsubscribe,
    sessions::list,
    sessions::end_others,
    sessions::end,
    admin_create_account::admin_create_account,
    admin_login_account::admin_login_account,
    admin_second_factor::enable,
    admin_second_factor::confirm,
    admin_second_factor::disable,
    admin_accounts::admin_accounts,
    admin_accounts::change,
    admin_accounts::disable,
    admin_accounts::enable,
    jwks::jwks,
))]
pub(crate) struct Description;

/// Adds all routes to an application.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    routes().configure(app);
}

/// Returns the problem for a valid token whose account has been erased.
fn account_gone() -> Problem {
    Problem::new(ProblemCode::Unauthenticated, "The account of this token no longer exists.")
}

/// Returns the problem for a token of a link that is unknown, expired or already used.
fn invalid_link() -> Problem {
    Problem::new(ProblemCode::LinkNotFound, "The link is incomplete, expired or already used. Request a new one.")
}

/// The response to a request that sends e-mail. It does not depend on whether an account has the address.
#[derive(Serialize, ToSchema)]
struct MailSent {
    /// `mail-sent`.
    status: &'static str,
}

fn mail_sent() -> HttpResponse {
    HttpResponse::Accepted().json(MailSent { status: "mail-sent" })
}

/// The token of a link in a request body, which may be any short text.
struct LinkTokenText(SecretString);

impl LinkTokenText {
    fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Deserr<InvalidBody> for LinkTokenText {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        let length = 1..=1000;
        let parse = |token: &str| {
            if length.contains(&token.chars().count()) { Ok(Self(token.into())) } else { Err("must have 1 to 1000 characters") }
        };
        text_field(&value, location, parse)
    }
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::MailDisabled => Self::new(ProblemCode::MailDisabled, "This installation sends no e-mail. Contact the organizer."),
            LinkError::NotFound => invalid_link(),
            LinkError::EmailTaken => {
                Self::new(ProblemCode::EmailTaken, "Another account has this e-mail address by now. Nothing was changed.")
            }
            LinkError::AccountGone => account_gone(),
            LinkError::WrongPassword => Self::new(ProblemCode::WrongPassword, "The current password is wrong. Nothing was changed."),
            LinkError::Notice(error) => Self::internal(&error),
            LinkError::Hash(error) => error.into(),
            LinkError::Database(error) => error.into(),
        }
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => {
                tracing::warn!(%error, "the password queue is full; a request was rejected");
                Self::new(ProblemCode::Overloaded, "Too many logins are in progress. Try again later.")
            }
            HashError::Bcrypt(_) | HashError::Thread(_) => Self::internal(&error),
        }
    }
}
