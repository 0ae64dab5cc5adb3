//! The reasons why a queue log is not in order, as sentences that name the record.

use super::{QueueLogHash, QueueLogKind};

/// The reason why a log is not in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A record is missing, or records are in another order.
    #[error("record {expected} is missing: record {found} follows record {}", .expected - 1)]
    Gap {
        /// The position that should follow.
        expected: i64,
        /// The position that follows.
        found: i64,
    },
    /// A record or one before it was changed.
    #[error("the hash of record {0} does not match: the record or one before it was changed")]
    WrongHash(i64),
    /// A record lacks a value, or has one that its kind does not have.
    #[error("record {0} does not have the values of its kind")]
    Malformed(i64),
    /// A new number is not higher than all before it.
    #[error("record {position} gives out number {number}, which is not above {highest}, the highest number before it")]
    NumberNotHigher {
        /// The record.
        position: i64,
        /// The number of the entry.
        number: i64,
        /// The highest number before.
        highest: i64,
    },
    /// A record is about an entry that does not wait.
    #[error("record {position} ({kind}) is about number {number}, which is not waiting")]
    NotWaiting {
        /// The record.
        position: i64,
        /// Its kind.
        kind: QueueLogKind,
        /// The number of the entry.
        number: i64,
    },
    /// An entry is reopened that was not closed.
    #[error("record {position} reopens number {number}, which was not closed")]
    NotClosed {
        /// The record.
        position: i64,
        /// The number of the entry.
        number: i64,
    },
    /// An entry is listed although the log does not start anew there.
    #[error("record {0} lists an entry, but the log does not start anew there")]
    ListedOutOfPlace(i64),
    /// An entry grew without moving to the end.
    #[error("record {position} lets number {number} ask for more tickets without moving to the end")]
    GrewInPlace {
        /// The record.
        position: i64,
        /// The number of the entry.
        number: i64,
    },
    /// An entry got tickets although fewer were free than it takes.
    #[error("record {position} promotes number {number}, which takes at least {min_quantity} tickets, while it could get {room}")]
    TooLarge {
        /// The record.
        position: i64,
        /// The number of the entry.
        number: i64,
        /// The minimum of the entry.
        min_quantity: u32,
        /// The number of tickets that one entry could get.
        room: u32,
    },
    /// An entry got another number of tickets than the rule says.
    #[error("record {position} gives {given} tickets to number {number}, which should have got {due}")]
    WrongQuantity {
        /// The record.
        position: i64,
        /// The number of the entry.
        number: i64,
        /// The number of tickets that it got.
        given: u32,
        /// The number of tickets that it should have got.
        due: u32,
    },
    /// An entry was skipped.
    #[error(
        "record {position} promotes number {number} and skips number {skipped}, which came first and takes {min_quantity} of the {room} tickets that it could get"
    )]
    Skipped {
        /// The record.
        position: i64,
        /// The number of the entry that was promoted.
        number: i64,
        /// The number of the entry that was skipped.
        skipped: i64,
        /// The minimum of the entry that was skipped.
        min_quantity: u32,
        /// The number of tickets that one entry could get.
        room: u32,
    },
    /// The records do not lead to the published end of the log.
    #[error("the log ends with record {found}, but its published end is record {published} with another hash or position")]
    WrongHead {
        /// The last record.
        found: i64,
        /// The published end.
        published: i64,
    },
    /// A hash that was noted earlier is not part of the log.
    #[error("the hash {0} is not in the log: what was recorded up to it has been changed since, or it belongs to another log")]
    UnknownHash(QueueLogHash),
}
