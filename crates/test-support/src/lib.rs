//! What the tests of every crate share: a database and a broker namespace per test, and a running system.

#![allow(clippy::missing_panics_doc, reason = "everything here panics when the test cannot go on")]

pub mod broker;
pub mod client;
pub mod database;
pub mod description;
pub mod gateway;
pub mod invariants;
pub mod proxy;
pub mod socket_gateway;
pub mod system;
pub mod templates;
pub mod wait;

mod environment;
