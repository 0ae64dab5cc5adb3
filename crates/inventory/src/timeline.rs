//! The sales timeline: a read model with the tickets sold, returned and promoted and the moves of the waiting list, per ticket
//! type and minute.
//!
//! [`count_messages`] counts each message about a ticket type exactly once, in the order of its `sequence`. Messages that arrive
//! early wait in `sales_pending`. [`catch_up`] repairs types that stay behind: it counts their rows anew from the minute of the
//! last counted change, if messages were lost, or if the type was sold before the timeline existed. The counted totals equal the
//! counters of the ticket type in both cases.
//!
//! Nothing here locks a row that bookings lock, or runs in their transactions. Writers detect each other by comparing the
//! sequence that they have read.

mod catch_up;
mod counts;
mod messages;
mod period;
mod read;
mod steps;
mod writes;

pub use catch_up::{CatchUp, TypeBehind, catch_up, delete_leftovers, types_behind};
pub use counts::SalesCounts;
pub use messages::count_messages;
pub use period::{Bucket, MAX_BUCKETS, Period, PeriodError, PeriodRequest};
pub use read::{BucketCounts, Timeline, TypeTimeline, read};
