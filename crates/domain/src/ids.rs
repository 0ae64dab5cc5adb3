//! Ids are newtypes over UUIDv7, so that an id of one kind cannot be passed as another.
//!
//! An id is generated before the transaction that stores it, from a time and random bytes that are passed in. If the response to
//! a COMMIT is lost, a lookup of the id tells whether the transaction committed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::Timestamp;
use crate::tickets::TicketNumber;

/// The error of a text that is not a hyphenated UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID")]
pub struct InvalidId;

/// Returns the UUIDv7 for an instant and 10 random bytes.
pub fn uuid_v7(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that is known to identify this kind of resource.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the underlying UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Accepts only the hyphenated form, so that, apart from case, each id has one spelling.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.len() != 36 {
                    return Err(InvalidId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

id! {
    /// The id of an account in `auth-service`.
    AccountId
}
id! {
    /// The id of a session, which is the `sid` claim of its tokens.
    SessionId
}
id! {
    /// The id of an event.
    EventId
}
id! {
    /// The id of a ticket type. Each ticket type of an event has a stock of its own.
    TicketTypeId
}
id! {
    /// The id of a booking of one or more tickets of one type.
    BookingId
}
id! {
    /// The id of an entry in the waiting list of a ticket type.
    WaitlistEntryId
}
id! {
    /// The id of a wish: entries in the waiting lists of several ticket types, of which one is enough.
    WishId
}
id! {
    /// The id of a check-in, which admitted the holder of one ticket.
    CheckinId
}
id! {
    /// The id that a device at a door gave to a scan, so that a scan that is sent again is known.
    ScanId
}
id! {
    /// The id of a transfer of tickets from one account to another.
    TransferId
}
id! {
    /// The id of a message, which is the `id` of its CloudEvents envelope.
    MessageId
}
id! {
    /// The id of a webhook, which hands messages to a server of an organizer.
    WebhookId
}
id! {
    /// The id of an entry of the audit log.
    AuditEntryId
}
id! {
    /// The id of a committed batch of commands; see `committed_batches`.
    BatchId
}

/// The key of a ticket type. All ticket data are keyed by event first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeKey {
    /// The event.
    pub event: EventId,
    /// The ticket type.
    pub ticket_type: TicketTypeId,
}

/// A ticket: one number of one booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId {
    /// The event.
    pub event: EventId,
    /// The booking.
    pub booking: BookingId,
    /// The number within the booking.
    pub number: TicketNumber,
}

impl TicketId {
    /// Returns a short name of the ticket for people, such as `89AB12CD-0`: the random end of the booking's id, and the number.
    pub fn reference(&self) -> String {
        let [.., a, b, c, d] = *self.booking.0.as_bytes();
        format!("{:08X}-{}", u32::from_be_bytes([a, b, c, d]), self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_later_milliseconds_sort_after_earlier_ones() {
        let early = chrono::DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        let late = chrono::DateTime::from_timestamp_millis(1_700_000_000_001).unwrap();
        assert!(uuid_v7(early, [255; 10]) < uuid_v7(late, [0; 10]));
        assert_eq!(uuid_v7(early, [7; 10]).get_version_num(), 7);
    }

    #[test]
    fn only_the_hyphenated_spelling_is_an_id() {
        let text = "0192f0c1-2345-7abc-8def-0123456789ab";
        assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        for bad in
            ["", "0192f0c123457abc8def0123456789ab", "{0192f0c1-2345-7abc-8def-0123456789ab}", "x192f0c1-2345-7abc-8def-0123456789ab"]
        {
            assert_eq!(bad.parse::<EventId>(), Err(InvalidId), "{bad}");
        }
    }
}
