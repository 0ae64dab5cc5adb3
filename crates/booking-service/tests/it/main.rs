//! Integration tests of the booking service through its HTTP API, with a real PostgreSQL, a real RabbitMQ and real workers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

mod accounts;
mod asyncapi;
mod auditlog;
mod authorization;
mod bodies;
mod body_sender;
mod body_table;
mod command_line;
mod concurrency;
mod event_administration;
mod event_cache;
mod event_changes;
mod event_end;
mod event_holders;
mod event_images;
mod event_list;
mod event_status;
mod event_times;
mod events;
mod faults;
mod idempotency;
mod lanes;
mod limits;
mod live;
mod live_accounts;
mod on_behalf;
mod own_lists;
mod queries;
mod reallocation;
mod reenabled_accounts;
mod repeats;
mod request_deadline;
mod route_table;
mod search;
mod startup;
mod support;
mod telemetry;
mod timeline;
mod timeline_messages;
mod tokens;
mod unservable;
mod waitlist_changes;
