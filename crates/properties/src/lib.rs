//! Properties that every parser of untrusted input must satisfy: request bodies, query strings and cursors, access tokens,
//! and messages.
//!
//! Each property is a function that panics if it does not hold: the parser never panics, a value that it accepts survives
//! being written and parsed again, and a rejection names its cause. The tests of this crate check the properties with inputs
//! from proptest; the targets in `fuzz/` check them with libFuzzer. No production binary depends on this crate.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a property that does not hold is reported by panicking")]

mod bodies;
mod messages;
mod queries;
mod tokens;

pub use bodies::check_request_body;
pub use messages::{check_account_message, check_delivered_message, tickets_released_message, valid_account_message};
pub use queries::check_query_string;
pub use tokens::{check_access_token, check_signed_claims, valid_token};
