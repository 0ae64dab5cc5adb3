//! The vocabulary of the box office: ids, value types, states, the allocation rule and message contracts.
//!
//! This crate does no I/O and reads no clock. What is decided here is decided from its arguments alone,
//! so every rule can be tested by properties and replayed from a history.

pub mod accounts;
pub mod allocation;
pub mod auditlog;
pub mod ids;
pub mod messages;
pub mod problem;
pub mod queue;
pub mod states;
pub mod text;
pub mod trace;
pub mod values;

mod clock;

pub use clock::Timestamp;
