//! Tests of the `rowlockctl` binary, with real services behind the real gateway.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

mod accounts;
mod dead_letters;
mod desk;
mod events;
mod export;
mod failures;
mod for_others;
mod impostor;
mod logins;
mod show;
mod terminal;
mod waitlist;
