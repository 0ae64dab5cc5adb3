//! What the tests of every crate share: a database and a broker namespace per test, and a running system.

pub mod broker;
pub mod client;
pub mod database;
pub mod proxy;
pub mod system;
pub mod wait;

mod environment;
