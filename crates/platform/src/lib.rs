//! Infrastructure that every Rowlock binary needs: settings, telemetry, start-up and shutdown, database settings, the clock,
//! a cache and the shared parts of the command lines.
//!
//! `rowlock-messaging` and `rowlock-http` depend on this crate, never the reverse. It depends on `rowlock-postgres` and
//! `rowlock-domain`.

pub mod cli;
pub mod clock;
pub mod database;
pub mod expiring_cache;
pub mod lifecycle;
pub mod running;
pub mod settings;
pub mod telemetry;
