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
mod chain;
pub mod command;
pub mod create;
pub mod create_once;
mod execute;
pub mod housekeeping;
pub mod queries;
mod run;
mod schema;
pub mod views;

pub use chain::{Begun, Behind, Next};
pub use command::{Command, CommandError, Outcome, Refusal, Request, Traced};
pub use execute::{LockWait, NewId};
pub use run::{Answered, Inventory, InventoryParts, Render, TransactionTimes};

/// The schema of `rowlock_booking`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/booking");
