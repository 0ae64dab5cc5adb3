//! Integration tests of the connections to PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod encryption;
