//! The states of events, bookings and waiting-list entries, and their transitions.
//!
//! A transition is a method that can fail. The SQL that stores a transition also filters on the previous state.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A stored value that names no known state, which means that the schema and the program disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a valid {kind}")]
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
            /// All variants.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the value that the database and the API use.
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
    /// A language in which an account is addressed, named as in BCP 47.
    Language ("language") {
        /// English.
        #[serde(rename = "en")]
        English = "en",
        /// German.
        #[serde(rename = "de")]
        German = "de",
    }
}

state! {
    /// The status of an event. Drafts are invisible to the public. A published event can become a draft again only if it has
    /// never had a booking or a waiting-list entry. No transition leads out of cancelled.
    EventStatus ("status of an event") {
        /// The event is being prepared.
        Draft = "draft",
        /// The event is visible, and on sale within its sales window.
        Published = "published",
        /// The event was cancelled: it sells no tickets, and its bookings have been or are being cancelled.
        Cancelled = "cancelled",
    }
}

state! {
    /// The point in time up to which the waiting list of an event is served.
    WaitlistUntil ("end of a waiting list") {
        /// Until the event starts.
        Start = "start",
        /// Until sales end, or until the event starts if that is earlier.
        #[serde(rename = "salesEnd")]
        SalesEnd = "salesEnd",
    }
}

state! {
    /// The status of a booking.
    BookingStatus ("status of a booking") {
        /// The tickets are set aside for the holder, who must confirm the booking in time.
        Reserved = "reserved",
        /// The holder has the tickets.
        Confirmed = "confirmed",
        /// All tickets were returned or transferred.
        Cancelled = "cancelled",
        /// The booking was not confirmed in time.
        Expired = "expired",
    }
}

state! {
    /// The way in which a booking was created.
    BookingOrigin ("origin of a booking") {
        /// The tickets were sold from the available ones.
        Direct = "direct",
        /// The booking was created when a waiting-list entry was promoted.
        Waitlist = "waitlist",
        /// The tickets were transferred from the booking of another account.
        Transfer = "transfer",
    }
}

state! {
    /// The status of a transfer of tickets from one account to another.
    TransferStatus ("status of a transfer") {
        /// The receiver has not accepted yet.
        Pending = "pending",
        /// The receiver has the tickets.
        Accepted = "accepted",
        /// The sender withdrew the transfer, or returned the tickets.
        Withdrawn = "withdrawn",
        /// The receiver declined.
        Declined = "declined",
        /// The time of the transfer ended, its event began or was cancelled.
        Lapsed = "lapsed",
    }
}

state! {
    /// The kind of change that a record of a queue log is about; see [`crate::queue_log`].
    QueueLogKind ("kind of a record of a queue log") {
        /// An entry joined the waiting list, at its end.
        Joined = "joined",
        /// An entry changed its size and kept its number.
        Changed = "changed",
        /// An entry asked for more tickets and got a new number at the end of the list.
        Moved = "moved",
        /// An entry left: its holder withdrew it, or the account of the holder was closed.
        Left = "left",
        /// An administrator removed an entry.
        Removed = "removed",
        /// An entry was closed, because the waiting list ended or the event was cancelled.
        Closed = "closed",
        /// A closed entry waits again under its old number, because the event was postponed.
        Reopened = "reopened",
        /// An entry got tickets.
        Promoted = "promoted",
        /// The log starts anew, because a version of the service that keeps no log changed the queue. The entries that wait follow.
        Restarted = "restarted",
        /// An entry that was waiting when the log started anew.
        Listed = "listed",
    }
}

state! {
    /// The status of a waiting-list entry.
    WaitlistStatus ("status of a waiting-list entry") {
        /// The entry is in the queue.
        Waiting = "waiting",
        /// The entry became a booking, which may still have to be confirmed.
        Promoted = "promoted",
        /// The holder left the waiting list, or declined the offer of a promoted entry.
        Left = "left",
        /// The entry was closed, because its waiting list ended or its event was cancelled.
        Closed = "closed",
        /// The entry was promoted, and its holder did not accept the offer in time.
        Expired = "expired",
    }
}

state! {
    /// The reason why a number of a booking is no longer a valid ticket.
    VoidReason ("reason for a void ticket") {
        /// The ticket was given back.
        Returned = "returned",
        /// The holder had the code of the ticket replaced.
        Replaced = "replaced",
        /// The ticket was transferred to another account.
        Transferred = "transferred",
    }
}

state! {
    /// The role of an account.
    Role ("role") {
        /// Books tickets.
        User = "user",
        /// Manages events.
        Admin = "admin",
    }
}

state! {
    /// The role of an administrator, which decides what the account may do besides booking tickets.
    AdminRole ("role of an administrator") {
        /// Checks people in, and reads the list of events.
        Door = "door",
        /// Manages events, bookings and waiting lists, and does everything that `Door` may do.
        Organiser = "organiser",
        /// Does everything, including the management of accounts and roles.
        Owner = "owner",
    }
}

impl AdminRole {
    /// Returns whether an administrator with this role may do what `required` permits.
    pub const fn includes(self, required: Self) -> bool {
        match required {
            Self::Door => true,
            Self::Organiser => matches!(self, Self::Organiser | Self::Owner),
            Self::Owner => matches!(self, Self::Owner),
        }
    }
}

/// The error of a transition that the current status does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is {0}")]
pub struct InvalidTransition(pub EventStatus);

impl BookingStatus {
    /// Returns whether the booking holds tickets, sold or reserved.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Reserved | Self::Confirmed)
    }
}

impl BookingOrigin {
    /// Returns whether the tickets were sold from the available ones.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) const fn is_direct(&self) -> bool {
        matches!(self, Self::Direct)
    }
}

impl EventStatus {
    /// Publishes a draft. A published event stays published. Fails if the event is cancelled.
    pub fn publish(self) -> Result<Self, InvalidTransition> {
        match self {
            Self::Draft | Self::Published => Ok(Self::Published),
            Self::Cancelled => Err(InvalidTransition(self)),
        }
    }

    /// Makes a published event a draft again. A draft stays a draft. Fails if the event is cancelled.
    pub fn unpublish(self) -> Result<Self, InvalidTransition> {
        match self {
            Self::Draft | Self::Published => Ok(Self::Draft),
            Self::Cancelled => Err(InvalidTransition(self)),
        }
    }

    /// Cancels the event, from any status.
    #[must_use = "the status is returned, not changed in place"]
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
    fn each_role_of_an_administrator_includes_those_below_it() {
        let included = |role: AdminRole| AdminRole::ALL.iter().filter(move |required| role.includes(**required)).count();
        assert_eq!([AdminRole::Door, AdminRole::Organiser, AdminRole::Owner].map(included), [1, 2, 3]);
        assert!(!AdminRole::Door.includes(AdminRole::Organiser) && AdminRole::Organiser.includes(AdminRole::Door));
    }

    #[test]
    fn a_cancelled_event_is_neither_published_nor_withdrawn() {
        assert_eq!(EventStatus::Published.unpublish(), Ok(EventStatus::Draft));
        assert_eq!(EventStatus::Draft.unpublish(), Ok(EventStatus::Draft));
        assert_eq!(EventStatus::Cancelled.unpublish(), Err(InvalidTransition(EventStatus::Cancelled)));
        assert_eq!(EventStatus::Draft.publish(), Ok(EventStatus::Published));
        assert_eq!(EventStatus::Published.cancel().publish(), Err(InvalidTransition(EventStatus::Cancelled)));
    }
}
