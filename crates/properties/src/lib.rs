//! What must hold of whatever bytes come in from outside: request bodies, query strings and their cursors, access tokens,
//! messages.
//!
//! Each property is a function over bytes that panics when it does not hold: nothing panics by itself, what is accepted is
//! written and read back as the same, and what is refused is named. The tests here try them with what proptest makes up;
//! `fuzz/` hands them to a fuzzer. Nothing of this is in a program that runs.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a property that does not hold is told by panicking")]

mod bodies;
mod messages;
mod queries;
mod tokens;

pub use bodies::request_body;
pub use messages::{account_message, delivered_message, good_account_message, released_message};
pub use queries::query_string;
pub use tokens::{access_token, good_token, signed_claims};
