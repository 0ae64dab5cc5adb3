//! Integration tests of the test support: a database for each test, and a proxy that injects faults.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod database;
mod proxy;
