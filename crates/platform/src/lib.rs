//! The parts that every Rowlock binary needs, whatever it serves: settings, telemetry, lifecycle, database settings, the clock and
//! the common parts of the command lines.
//!
//! This is the lowest of the three shared crates: `rowlock-messaging` and `rowlock-http` are built on it, and it knows neither.

pub mod cli;
pub mod clock;
pub mod database;
pub mod lifecycle;
pub mod running;
pub mod settings;
pub mod telemetry;
