//! Accounts, passwords, sessions and signing keys; the only service that reads `rowlock_auth`.
//!
//! [`start`] runs it, for the binary and for tests alike. `routes` is HTTP, `sign_in` and `registration` are the use
//! cases, `store` is the database.

pub mod cli;
mod closing;
mod export;
mod keys;
mod limits;
mod passwords;
mod refresh_token;
mod registration;
mod routes;
mod schema;
mod secrets;
mod service;
mod settings;
mod sign_in;
mod store;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use limits::LimitSettings;
pub use rowlock_platform::running::Running;
pub use service::{StartError, start};
pub use settings::{AuthSettings, KeySettings, MaintenanceSettings, PasswordSettings, TokenSettings};

/// The name of every route that is served: `GET /api/events`.
pub fn routes() -> Vec<String> {
    routes::routes().names()
}

/// The public routes described (OpenAPI 3.1); `rowlock-openapi` makes the whole document of it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    <routes::Description as utoipa::OpenApi>::openapi()
}

/// The schema of `rowlock_auth`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/auth");
