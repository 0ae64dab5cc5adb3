//! The HTTP routes, one file per group of endpoints.

mod account;
mod admin_accounts;
mod admin_create_account;
mod admin_login_account;
mod admin_second_factor;
mod change_password;
mod create_account;
mod examples;
mod jwks;
mod login_account;
mod logout_account;
mod refresh_token;
mod revocations;
mod sessions;

use actix_web::web;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::Routes;
use rowlock_http::problem::Problem;
use utoipa::OpenApi;

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
