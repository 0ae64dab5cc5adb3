//! The API's description, held against the code, the gateway and the running services.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

mod document;
mod examples;
mod repeats;
mod routes;
