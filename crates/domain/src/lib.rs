//! The domain model: ids, value types, state machines, the allocation rule and the message contracts.
//!
//! This crate does no I/O and reads no clock. Every function depends on its arguments alone, so property tests can check each
//! rule and a recorded history can be replayed.

pub mod accounts;
pub mod allocation;
pub mod auditlog;
pub mod chance;
pub mod ids;
pub mod messages;
pub mod problem;
pub mod queue;
pub mod queue_log;
pub mod states;
pub mod text;
pub mod tickets;
pub mod time_zone;
pub mod trace;
pub mod values;
pub mod wishes;

mod clock;

pub use clock::Timestamp;
