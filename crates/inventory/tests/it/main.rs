//! Tests of booking transactions on a real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

mod accounts;
mod audit;
mod batches;
mod chains;
mod citus;
mod deletes;
mod fixture;
mod min_quantity;
mod one_entry;
mod positions;
mod queue_log;
mod reservations;
mod sold_out;
mod timeline;
mod transfer_limits;
mod transfer_races;
mod transfers;
mod urgency;
mod wish_histories;
mod wish_races;
mod wishes;
