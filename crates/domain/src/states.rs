//! The states of events, bookings and waiting-list entries, and the steps between them.
//!
//! A step is a method that can refuse. The SQL that stores a step also filters on the state it left.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A stored word that names no state: the database and the program disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{word}» is not a {kind}")]
pub struct UnknownState {
    kind: &'static str,
    word: String,
}

macro_rules! state {
    ($(#[$doc:meta])* $name:ident ($kind:literal) { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that the database and the API use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownState;

            fn from_str(word: &str) -> Result<Self, UnknownState> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownState { kind: $kind, word: word.to_owned() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

state! {
    /// Where an event stands. A draft is invisible to the public. A published event can become a draft again as long as nobody
    /// has ever booked or waited; nothing leads back from cancelled.
    EventStatus ("status of an event") {
        /// Being prepared.
        Draft = "draft",
        /// Visible, and on sale within its sales window.
        Published = "published",
        /// Called off: nothing is sold, bookings are being or have been cancelled.
        Cancelled = "cancelled",
    }
}

state! {
    /// Until when the waiting list of an event is served.
    WaitlistUntil ("end of a waiting list") {
        /// Until the event starts.
        Start = "start",
        /// Until sales end, or until the event starts if that is earlier.
        #[serde(rename = "salesEnd")]
        SalesEnd = "salesEnd",
    }
}

state! {
    /// Where a booking stands.
    BookingStatus ("status of a booking") {
        /// Its tickets are the holder's.
        Confirmed = "confirmed",
        /// Given back whole.
        Cancelled = "cancelled",
    }
}

state! {
    /// How a booking came about.
    BookingOrigin ("origin of a booking") {
        /// Sold from what was available.
        Direct = "direct",
        /// Handed on to the first who waited.
        Waitlist = "waitlist",
    }
}

state! {
    /// Where a waiting-list entry stands.
    WaitlistStatus ("status of a waiting-list entry") {
        /// In the queue.
        Waiting = "waiting",
        /// Turned into a booking.
        Promoted = "promoted",
        /// Left by its holder.
        Left = "left",
        /// Ended because the event began or was cancelled.
        Closed = "closed",
    }
}

state! {
    /// What an account may do.
    Role ("role") {
        /// Books tickets.
        User = "user",
        /// Runs events.
        Admin = "admin",
    }
}

/// A step that the present state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is {0}")]
pub struct RefusedStep(pub EventStatus);

impl EventStatus {
    /// Makes a draft public; a published event stays as it is.
    pub fn publish(self) -> Result<Self, RefusedStep> {
        match self {
            Self::Draft | Self::Published => Ok(Self::Published),
            Self::Cancelled => Err(RefusedStep(self)),
        }
    }

    /// Withdraws a published event from the public; a draft stays as it is.
    pub fn unpublish(self) -> Result<Self, RefusedStep> {
        match self {
            Self::Draft | Self::Published => Ok(Self::Draft),
            Self::Cancelled => Err(RefusedStep(self)),
        }
    }

    /// Calls the event off, from any state.
    pub const fn cancel(self) -> Self {
        Self::Cancelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_way_to_the_database_and_back() {
        for status in [EventStatus::Draft, EventStatus::Published, EventStatus::Cancelled] {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert!("sold".parse::<BookingStatus>().is_err());
    }

    #[test]
    fn a_cancelled_event_is_neither_published_nor_withdrawn() {
        assert_eq!(EventStatus::Published.unpublish(), Ok(EventStatus::Draft));
        assert_eq!(EventStatus::Draft.unpublish(), Ok(EventStatus::Draft));
        assert_eq!(EventStatus::Cancelled.unpublish(), Err(RefusedStep(EventStatus::Cancelled)));
        assert_eq!(EventStatus::Draft.publish(), Ok(EventStatus::Published));
        assert_eq!(EventStatus::Published.cancel().publish(), Err(RefusedStep(EventStatus::Cancelled)));
    }
}
