//! The queue log: a record of what happened to the waiting list of a ticket type, chained by hashes so that it cannot be changed
//! unnoticed.
//!
//! Each record has a hash of itself and of the hash before it. If somebody knows one hash of the chain, no record up to it can be
//! changed, left out or moved without another hash. With the records, everybody can check whether an entry was skipped; see
//! [`verifier`]. The records contain no personal data: an entry is only a number.
//!
//! The format of the hashed bytes, version 1, has a fixed length. Integers are big-endian, and a value that a record does not have is
//! zero:
//!
//! | offset | length | value |
//! |---|---|---|
//! | 0 | 32 | the hash of the record before, or zeros for the first one |
//! | 32 | 1 | the version of the format, 1 |
//! | 33 | 16 | the id of the event |
//! | 49 | 16 | the id of the ticket type |
//! | 65 | 8 | the position in the log, from 1 |
//! | 73 | 1 | the kind: joined 1, changed 2, moved 3, left 4, removed 5, closed 6, reopened 7, promoted 8, restarted 9, listed 10 |
//! | 74 | 8 | the time, in microseconds since the beginning of 1970 in UTC |
//! | 82 | 8 | the number of the entry |
//! | 90 | 8 | the previous number of an entry that moved |
//! | 98 | 4 | the quantity |
//! | 102 | 4 | the minimum |
//! | 106 | 4 | the number of tickets that were free before a promotion |
//! | 110 | 4 | the limit per booking at a promotion |

pub mod verifier;
mod violation;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::allocation::PartySize;
use crate::ids::TypeKey;
pub use crate::states::QueueLogKind;

/// The version of the format of the hashed bytes.
const ENCODING_VERSION: u8 = 1;

/// The number of hashed bytes of a record.
const ENCODED_LENGTH: usize = 114;

/// The SHA-256 hash of a record and of everything before it. It is written with 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueueLogHash([u8; 32]);

/// The error of a text that is not a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal digits")]
pub struct InvalidHash;

impl QueueLogHash {
    /// The hash before the first record.
    pub const START: Self = Self([0; 32]);

    /// Wraps a stored hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for QueueLogHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for QueueLogHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for QueueLogHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        if text.len() != 64 {
            return Err(InvalidHash);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(InvalidHash);
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else { return Err(InvalidHash) };
            *byte = (digit(high)? << 4) | digit(low)?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for QueueLogHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QueueLogHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl QueueLogKind {
    /// Returns the byte that stands for the kind in the hashed bytes.
    const fn code(self) -> u8 {
        match self {
            Self::Joined => 1,
            Self::Changed => 2,
            Self::Moved => 3,
            Self::Left => 4,
            Self::Removed => 5,
            Self::Closed => 6,
            Self::Reopened => 7,
            Self::Promoted => 8,
            Self::Restarted => 9,
            Self::Listed => 10,
        }
    }
}

/// A change of an entry of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueChange {
    /// The kind of change.
    pub kind: QueueLogKind,
    /// The number of the entry; if it moved, its new number. If the log starts anew, the highest number that was assigned before.
    pub number: i64,
    /// The number that an entry had before it moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_number: Option<i64>,
    /// The number of tickets that the entry waits for, or that it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// The smallest number of tickets that the entry takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_quantity: Option<u32>,
    /// The number of tickets that were left for the waiting list immediately before the entry was promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<u32>,
    /// The largest number of tickets of one booking when the entry was promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_booking: Option<u32>,
}

impl QueueChange {
    /// A change of which only the kind and the number matter: an entry stopped waiting without tickets, or the log starts anew.
    pub const fn of(kind: QueueLogKind, number: i64) -> Self {
        Self { kind, number, previous_number: None, quantity: None, min_quantity: None, free: None, max_per_booking: None }
    }

    /// A change after which an entry waits for tickets: it joined, changed its size, was reopened or is listed.
    pub const fn waits(kind: QueueLogKind, number: i64, size: PartySize) -> Self {
        Self { quantity: Some(size.quantity), min_quantity: Some(size.min_quantity), ..Self::of(kind, number) }
    }

    /// An entry moved to the end of the list.
    pub const fn moved(previous_number: i64, number: i64, size: PartySize) -> Self {
        Self { previous_number: Some(previous_number), ..Self::waits(QueueLogKind::Moved, number, size) }
    }

    /// An entry got `given` of the `free` tickets.
    pub const fn promoted(number: i64, given: u32, free: u32, max_per_booking: u32) -> Self {
        Self { quantity: Some(given), free: Some(free), max_per_booking: Some(max_per_booking), ..Self::of(QueueLogKind::Promoted, number) }
    }
}

/// A record of a queue log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueLogRecord {
    /// The position in the log of the ticket type, from 1 and without gaps.
    pub position: i64,
    /// The time of the transaction in which it happened.
    pub recorded_at: Timestamp,
    /// The change.
    #[serde(flatten)]
    pub change: QueueChange,
    /// The hash of this record and of those before it.
    pub hash: QueueLogHash,
}

/// The end of a queue log: the position and the hash of its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueLogHead {
    /// The number of records.
    pub position: i64,
    /// The hash of the last record.
    pub hash: QueueLogHash,
}

impl QueueLogHead {
    /// The end of an empty log.
    pub const START: Self = Self { position: 0, hash: QueueLogHash::START };

    /// Appends a change to the log of a ticket type, and returns the record.
    pub fn append(&mut self, key: TypeKey, recorded_at: Timestamp, change: QueueChange) -> QueueLogRecord {
        let position = self.position + 1;
        let hash = hash_of(self.hash, key, position, recorded_at, &change);
        *self = Self { position, hash };
        QueueLogRecord { position, recorded_at, change, hash }
    }
}

/// Returns the hash of a record that follows the record with the hash `previous`.
fn hash_of(previous: QueueLogHash, key: TypeKey, position: i64, recorded_at: Timestamp, change: &QueueChange) -> QueueLogHash {
    QueueLogHash(Sha256::digest(encode(previous, key, position, recorded_at, change)).into())
}

/// Returns the bytes that are hashed; see the table at the top of this module.
fn encode(previous: QueueLogHash, key: TypeKey, position: i64, recorded_at: Timestamp, change: &QueueChange) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ENCODED_LENGTH);
    bytes.extend(previous.0);
    bytes.push(ENCODING_VERSION);
    bytes.extend(key.event.as_uuid().as_bytes());
    bytes.extend(key.ticket_type.as_uuid().as_bytes());
    bytes.extend(position.to_be_bytes());
    bytes.push(change.kind.code());
    bytes.extend(recorded_at.timestamp_micros().to_be_bytes());
    bytes.extend(change.number.to_be_bytes());
    bytes.extend(change.previous_number.unwrap_or_default().to_be_bytes());
    for value in [change.quantity, change.min_quantity, change.free, change.max_per_booking] {
        bytes.extend(value.unwrap_or_default().to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
