//! Test support for all crates: a database and a broker namespace per test, a complete running system, an HTTP client that
//! validates responses, a TCP proxy that injects faults, and a TLS terminator.

#![allow(clippy::missing_panics_doc, reason = "every function of this crate panics if the test cannot continue")]

/// A picture for an event: a WebP file of 1200 × 800 pixels.
pub const PICTURE: &[u8] = include_bytes!("../../../deploy/sample/pictures/chess.webp");

pub mod broker;
pub mod client;
pub mod closed_port;
pub mod database;
pub mod description;
pub mod gateway;
pub mod guests;
pub mod invariants;
pub mod live_stream;
pub mod notices;
pub mod notifier;
pub mod proxy;
pub mod returns;
pub mod smtp_server;
pub mod socket_gateway;
pub mod system;
pub mod templates;
pub mod tls;
pub mod tls_gateway;
pub mod totp;
pub mod transfers;
pub mod wait;
pub mod webhook_receiver;

mod auth;
mod environment;
pub mod pgbouncer;
mod plan;
pub mod postgres_server;
