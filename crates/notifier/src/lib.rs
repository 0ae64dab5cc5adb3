//! The notifier: tells people by e-mail what happened to their tickets and accounts, and servers of organizers by webhooks.
//!
//! A consumer writes one row of `deliveries` for each message and recipient, and acknowledges the message after its commit. Urgent
//! messages have a queue of their own; the others are taken as fast as mails leave (see the module `pace`). A sender
//! claims due rows, commits the claim, and only then hands the mail to the SMTP server. A mail is therefore sent at most once: if
//! it is unknown whether the server has taken it, the row becomes `unclear`, and an operator decides. Webhooks get each message at
//! least once; see the module `webhooks`.
//!
//! When an event is changed, and a day before it starts, a background job writes the deliveries to all holders of its tickets.

mod attachments;
mod broadcast;
pub mod cli;
mod consume;
mod contacts;
mod delivery;
mod events;
mod folder;
mod guests;
mod holders;
mod housekeeping;
mod mail;
mod metrics;
mod pace;
mod prepare;
mod rate;
mod routes;
mod sender;
mod service;
mod settings;
mod smtp;
mod states;
mod store;
mod tickets;
mod transport;
mod webhooks;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use service::{StartError, start};
pub use settings::{BroadcastSettings, MailSettings, MaintenanceSettings, NotifierSettings, PaceSettings, Security, SmtpSettings};
pub use webhooks::WebhookSettings;

/// Migrations of `rowlock_notifier`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/notifier");

/// Returns the name of every route, such as `GET /admin/webhooks`.
pub fn routes() -> Vec<String> {
    routes::routes().names()
}

/// Returns the OpenAPI 3.1 description of the public routes. `rowlock-openapi` merges it into the complete document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    <routes::Description as utoipa::OpenApi>::openapi()
}
