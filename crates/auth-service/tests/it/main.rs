//! Integration tests of `auth-service` through its HTTP API, with a real PostgreSQL and a separate database for each test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

mod account_changes;
mod accounts;
mod admin;
mod bootstrap;
mod command_line;
mod contacts;
mod edge;
mod email_changes;
mod limits;
mod log_in;
mod migrations;
mod notices;
mod outages;
mod password_resets;
mod profile;
mod roles;
mod second_factor;
mod sessions;
mod settings;
mod signing_keys;
mod spellings;
mod support;
mod tokens;
