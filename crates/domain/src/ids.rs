//! Ids are newtypes over UUIDv7, so that an id of one kind cannot be passed as another.
//!
//! An id is made before the transaction that stores it, from a time and randomness that are passed in;
//! after a lost COMMIT answer its existence tells whether the transaction took place.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::Timestamp;

/// A text that is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID")]
pub struct InvalidId;

/// The raw UUIDv7 for an instant and 10 bytes of randomness.
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
            /// Takes a UUID that is known to name this kind of thing.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
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

            /// Accepts the hyphenated form alone: one id has one spelling but for case.
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
    /// A person's account, in `auth-service`.
    AccountId
}
id! {
    /// A log-in of an account; the `sid` of its tokens.
    SessionId
}
id! {
    /// An event.
    EventId
}
id! {
    /// A kind of ticket of an event, with a stock of its own.
    TicketTypeId
}
id! {
    /// A booking of one or more tickets of one type.
    BookingId
}
id! {
    /// A place in the waiting list of a ticket type.
    WaitlistEntryId
}
id! {
    /// A message; the `id` of its CloudEvents envelope.
    MessageId
}
id! {
    /// An entry of the audit log.
    AuditEntryId
}
id! {
    /// A committed group of commands; see `committed_batches`.
    BatchId
}

/// The key of a ticket type: everything about tickets is keyed by event first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeKey {
    /// The event.
    pub event: EventId,
    /// The ticket type.
    pub ticket_type: TicketTypeId,
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
