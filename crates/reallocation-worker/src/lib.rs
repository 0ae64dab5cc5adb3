//! The reallocation worker: assigns returned tickets to the waiting list, and ends reserved bookings whose time is over.
//!
//! The database is the source of truth. A `tickets.released` message only names a ticket type to check, and a periodic sweep
//! finds those whose message was lost. Every decision is made under the row lock of the ticket type, so any number of workers
//! can run concurrently.

pub mod cli;
mod consume;
mod expiry;
mod metrics;
mod reallocator;
mod service;
mod settings;
mod sweep;

pub use service::{StartError, start};
pub use settings::{MaintenanceSettings, WorkerSettings};
