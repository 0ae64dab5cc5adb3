//! The booking database. This is the only crate that locks ticket types.
//!
//! Every operation that moves tickets goes through [`Inventory::run`], or through [`Inventory::begin`] if transactions are
//! chained. It locks the rows of the ticket types with `FOR UPDATE` in key order, reads what it needs set-wise, lets
//! `rowlock-domain` decide the commands in the order of arrival, writes set-wise and commits. Messages are rows of the outbox
//! that are written in the same transaction. No network call is made while a row is locked, and this crate does not depend on
//! HTTP.

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

/// The embedded migrations of the database `rowlock_booking`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/booking");
