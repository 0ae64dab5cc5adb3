//! The public routes, one file each.

mod account;
mod admin_accounts;
mod admin_create_account;
mod admin_login_account;
mod create_account;
mod jwks;
mod login_account;
mod logout_account;
mod refresh_token;
mod revocations;
mod sessions;

use actix_web::{Resource, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_platform::http::method_not_allowed;
use rowlock_platform::problem::Problem;

use crate::passwords::HashError;

/// Adds all routes.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    app.service(post("/api/createaccount").route(web::post().to(create_account::create_account)))
        .service(post("/api/loginaccount").route(web::post().to(login_account::login_account)))
        .service(post("/api/refreshtoken").route(web::post().to(refresh_token::refresh_token)))
        .service(post("/api/logoutaccount").route(web::post().to(logout_account::logout_account)))
        .service(
            web::resource("/api/account")
                .route(web::get().to(account::account))
                .route(web::delete().to(account::erase))
                .default_service(web::to(method_not_allowed("GET, DELETE"))),
        )
        .service(get("/api/account/export").route(web::get().to(account::export)))
        .service(
            web::resource("/api/sessions")
                .route(web::get().to(sessions::list))
                .route(web::delete().to(sessions::end_others))
                .default_service(web::to(method_not_allowed("GET, DELETE"))),
        )
        .service(
            web::resource("/api/sessions/{session_id}")
                .route(web::delete().to(sessions::end))
                .default_service(web::to(method_not_allowed("DELETE"))),
        )
        .service(post("/admin/createaccount").route(web::post().to(admin_create_account::admin_create_account)))
        .service(post("/admin/loginaccount").route(web::post().to(admin_login_account::admin_login_account)))
        .service(get("/admin/accounts").route(web::get().to(admin_accounts::admin_accounts)))
        .service(post("/admin/accounts/{account_id}/disable").route(web::post().to(admin_accounts::disable)))
        .service(post("/admin/accounts/{account_id}/enable").route(web::post().to(admin_accounts::enable)))
        .service(get("/internal/revocations").route(web::get().to(revocations::revocations)))
        .service(get("/.well-known/jwks.json").route(web::get().to(jwks::jwks)));
}

fn get(path: &str) -> Resource {
    web::resource(path).default_service(web::to(method_not_allowed("GET")))
}

fn post(path: &str) -> Resource {
    web::resource(path).default_service(web::to(method_not_allowed("POST")))
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => {
                tracing::warn!(%error, "overloaded");
                Self::new(ProblemCode::Overloaded, "Too many people are logging in at the moment. Please try again.")
            }
            HashError::Bcrypt(_) | HashError::Thread(_) => Self::internal(&error),
        }
    }
}
