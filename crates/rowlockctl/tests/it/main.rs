//! Tests of the `rowlockctl` binary, with real services behind the real gateway.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

mod accounts;
mod dead_letters;
mod doors;
mod events;
mod export;
mod failures;
mod fake_server;
mod fixture;
mod logins;
mod mails;
mod on_behalf;
mod queue;
mod second_factor;
mod show;
mod terminal;
mod transfers;
mod waitlist;
mod webhooks;
