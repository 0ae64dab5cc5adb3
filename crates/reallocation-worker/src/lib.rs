//! Hands returned tickets on to those who wait.
//!
//! The truth is in the rows: a `tickets.released` message only says where to look, and a sweep looks even where no
//! message came from. What a ticket type gets is decided under its row lock, so any number of workers may run.

pub mod cli;
mod consume;
mod metrics;
mod service;
mod settings;
mod sweep;
mod work;

pub use service::{StartError, start};
pub use settings::{MaintenanceSettings, WorkerSettings};
