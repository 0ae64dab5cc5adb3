//! The AMQP link and the outbox relay against real servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod amqp;
mod dead_letters;
mod encryption;
mod faults;
mod outbox;
mod relays;
mod support;
