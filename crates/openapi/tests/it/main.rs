//! Tests that compare the OpenAPI document with the code, the gateway and running services.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot continue reports the cause by panicking"
)]

mod document;
mod examples;
mod mail;
mod repeats;
mod routes;
mod webhooks;
mod wishes;
