//! Integration tests of the booking service through its HTTP API, with a real PostgreSQL, a real RabbitMQ and real workers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

mod accounts;
mod admin;
mod asyncapi;
mod changing_entries;
mod command_line;
mod crowd;
mod deadline;
mod deadlines;
mod events;
mod faults;
mod for_others;
mod handing_on;
mod idempotency;
mod input;
mod lanes;
mod organisers;
mod own;
mod reads;
mod reopened;
mod repeats;
mod search;
mod startup;
mod support;
mod telemetry;
mod tokens;
mod unservable;
