//! The booking database. This is the only crate that locks ticket types.
//!
//! Every operation that moves tickets goes through [`Inventory::run`], or through [`Inventory::begin`] if transactions are
//! chained. It locks the rows of the ticket types with `FOR UPDATE` in key order, reads what it needs, lets `rowlock-domain` decide
//! the commands in the order of arrival, writes the changes and commits. All statements are set-based. Messages are rows of the
//! outbox that are written in the same transaction. No network call is made while a row is locked, and this crate does not depend
//! on HTTP.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub mod accounts;
pub mod audit;
pub mod auditlog;
mod chain;
pub mod chances;
pub mod command;
mod config;
pub mod create;
pub mod create_once;
pub mod event_times;
mod execute;
pub mod guests;
pub mod housekeeping;
mod inventory;
pub mod pictures;
pub mod queries;
mod run;
mod schema;
pub mod tickets;
pub mod timeline;
mod transaction;
mod transfers;
pub mod views;

pub use chain::{NextBatch, PipelinedBatch, StartedBatch};
pub use command::{Command, CommandError, CommandRequest, Outcome, Refusal, TracedCommand};
pub use config::{InventoryConfig, LockWait, MessageFormat, NewId, ResponseRenderer, TransactionTimes};
pub use inventory::Inventory;
pub use run::RequestResults;

/// The embedded migrations of the database `rowlock_booking`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/booking");
