//! The booking database: the only code that locks a ticket type.
//!
//! Everything that moves tickets goes through [`Inventory::run`]: it takes the rows of the ticket types concerned
//! `FOR UPDATE` in the order of their key, reads set-wise, lets `rowlock-domain` decide in the order of arrival,
//! writes set-wise and commits. Messages are rows of the outbox, written in the same transaction.
//! No network call is made while a row is locked, and nothing here knows HTTP.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub mod accounts;
pub mod audit;
pub mod auditlog;
pub mod command;
pub mod create;
mod execute;
pub mod housekeeping;
pub mod queries;
mod run;
mod schema;
pub mod views;

pub use command::{Command, CommandError, Outcome, Refusal, Traced};
pub use execute::LockWait;
pub use run::{Inventory, InventoryParts, Render, TransactionTimes};

/// The schema of `rowlock_booking`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/booking");
