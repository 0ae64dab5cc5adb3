//! What every Rowlock binary needs and none of them owns.
//!
//! Settings, telemetry, life cycle, problem documents, the token check, the AMQP link and the outbox
//! relay live here. Nothing in this crate knows what a ticket is: it depends on the domain for names,
//! states and error codes only.

pub mod amqp;
pub mod cli;
pub mod clock;
pub mod database;
pub mod http;
pub mod lifecycle;
pub mod management;
pub mod openapi;
pub mod outbox;
pub mod problem;
pub mod revocations;
pub mod running;
pub mod settings;
pub mod telemetry;
pub mod tokens;
