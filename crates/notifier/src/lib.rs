//! The notifier: tells people by e-mail what happened to their tickets and accounts.
//!
//! A consumer writes one row of `deliveries` for each message and recipient, and acknowledges the message after its commit. A sender
//! claims due rows, commits the claim, and only then hands the mail to the SMTP server. A mail is therefore sent at most once: if
//! it is unknown whether the server has taken it, the row becomes `unclear`, and an operator decides.

pub mod cli;
mod consume;
mod contacts;
mod delivery;
mod events;
mod folder;
mod housekeeping;
mod mail;
mod metrics;
mod prepare;
mod rate;
mod sender;
mod service;
mod settings;
mod smtp;
mod store;
mod transport;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use service::{StartError, start};
pub use settings::{MailSettings, MaintenanceSettings, NotifierSettings, Security, SmtpSettings};

/// Migrations of `rowlock_notifier`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/notifier");
