//! The notifier with a real PostgreSQL and a real RabbitMQ, an SMTP server that does as it is told, and stand-ins for the services
//! that know people and events.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod at_most_once;
mod attachments;
mod batches;
mod broadcasts;
mod commands;
mod consuming;
mod contents;
mod fixture;
mod guests;
mod order;
mod outdated;
mod pace;
mod people;
mod real;
mod real_smtp;
mod reminders;
mod schema;
mod speed;
mod transfers;
mod trouble;
mod webhooks;

use rowlock_test_support::smtp_server;
