//! The tools of the tests: a database for each test, and a proxy that fails on demand.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod database;
mod proxy;
