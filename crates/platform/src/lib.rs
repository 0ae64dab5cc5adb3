//! Infrastructure that every Rowlock binary needs: settings, telemetry, start-up and shutdown, database settings, the clock,
//! a cache and the shared parts of the command lines.
//!
//! This is the lowest of the three shared crates. `rowlock-messaging` and `rowlock-http` depend on it, never the reverse.

pub mod cli;
pub mod clock;
pub mod database;
pub mod expiring_cache;
pub mod lifecycle;
pub mod running;
pub mod settings;
pub mod telemetry;
