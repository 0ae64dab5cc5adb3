//! The booking transaction on a real PostgreSQL: a batch is the same as its commands one after the other.

mod batches;
mod desk;
mod places;
