//! Authentication service: accounts, passwords, sessions and signing keys. It is the only service that accesses `rowlock_auth`.
//!
//! [`start`] runs it, for the binary and for tests. `state` is what the handlers in `routes` share; `login`,
//! `registration`, `profile`, `links`, `second_factor` and `account_changes` contain the use cases, `store` the database access.

mod account_changes;
mod booking_export;
pub mod cli;
mod keys;
mod limits;
mod links;
mod login;
mod mail;
mod passwords;
mod profile;
mod refresh_token;
mod registration;
mod resources;
mod routes;
mod schema;
mod second_factor;
mod secrets;
mod service;
mod settings;
mod state;
mod store;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use limits::LimitSettings;
pub use mail::MailSettings;
pub use rowlock_platform::running::Running;
pub use service::{StartError, start};
pub use settings::{AuthSettings, KeySettings, MaintenanceSettings, PasswordSettings, TokenSettings};

/// Returns the name of every route, such as `GET /api/account`.
pub fn routes() -> Vec<String> {
    routes::routes().names()
}

/// Returns the OpenAPI 3.1 description of the public routes. `rowlock-openapi` merges it into the complete document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    <routes::Description as utoipa::OpenApi>::openapi()
}

/// Migrations of `rowlock_auth`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/auth");
