//! The notifications as the notifier handles them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;
use crate::ids::{AccountId, BookingId, EventId, TicketTypeId, TransferId, WaitlistEntryId};
use crate::messages::EventChanges;

/// Something that a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// Tickets were booked.
    Booked(TicketNotification),
    /// All or some tickets of a booking were returned.
    Returned(TicketNotification),
    /// Reserved tickets, which had not been sold, were returned.
    Withdrawn(TicketNotification),
    /// The account joined a waiting list.
    Joined(TicketNotification),
    /// The account got tickets from the waiting list.
    Promoted(TicketNotification),
    /// The account was offered tickets from the waiting list, which it must accept in time.
    Offered {
        /// The tickets.
        tickets: TicketNotification,
        /// The reserved booking.
        booking: BookingId,
        /// The time at which the offer ends.
        expires_at: Timestamp,
    },
    /// An offer was not accepted in time.
    OfferLapsed(TicketNotification),
    /// The entry in the waiting list was closed.
    Closed(TicketNotification),
    /// The account offered tickets to somebody else, who gets a link.
    TransferOffered {
        /// The tickets and the account that offers them.
        tickets: TicketNotification,
        /// The transfer.
        transfer: TransferId,
        /// The time at which the transfer lapses.
        expires_at: Timestamp,
        /// The address and the secret of the link, which only the notifier can open.
        sealed: SealedNotice,
    },
    /// Somebody accepted the tickets that the account offered.
    TransferAccepted(TicketNotification),
    /// Somebody declined the tickets that the account offered.
    TransferDeclined(TicketNotification),
    /// The account accepted tickets that somebody else offered.
    TransferReceived(TicketNotification),
    /// An administrator wants the link of a guest with tickets to be sent again.
    GuestLink(TicketNotification),
    /// An administrator wants the link of a guest who waits to be sent again.
    WaitingGuestLink(TicketNotification),
    /// An event was changed, which all holders of its tickets are told.
    EventChanged(Box<ChangedEvent>),
    /// A notice about the account itself.
    Account {
        /// The account.
        account: AccountId,
        /// The notice with its address and its link, which only the notifier can open.
        sealed: SealedNotice,
    },
}

/// A notification about tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketNotification {
    /// The event of the tickets.
    pub event: EventId,
    /// The type of the tickets.
    pub ticket_type: Option<TicketTypeId>,
    /// The account whose tickets they are.
    pub account: AccountId,
    /// The number of tickets that were booked, returned or waited for.
    pub quantity: u32,
    /// The number of tickets that a promoted entry waited for, if it got fewer.
    pub requested: Option<u32>,
    /// The smallest number of tickets that an entry which has joined takes, if it takes fewer than it asks for.
    pub minimum: Option<u32>,
    /// Whether the entry belongs to a wish, whose other choices wait as well.
    pub belongs_to_wish: bool,
    /// The number of tickets that the booking still has.
    pub remaining: u32,
    /// Whether the message tells that the event was called off. Older versions of the services did not write it.
    pub is_called_off: bool,
    /// The place of the change in the history of its booking or entry, or `None` if the message does not tell.
    pub place: Option<HistoryPlace>,
}

/// The place of a change in the history of a booking and of a waiting-list entry. Messages can arrive in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPlace {
    /// The booking, if there is one.
    pub booking: Option<BookingId>,
    /// The waiting-list entry, if there is one.
    pub entry: Option<WaitlistEntryId>,
    /// The version of the ticket type after the change.
    pub sequence: i64,
}

/// A change of a published event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedEvent {
    /// The event.
    pub event: EventId,
    /// The version of the event after the change.
    pub version: i64,
    /// The changes, of which there is at least one.
    pub changes: EventChanges,
}

/// A sealed value. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedNotice(pub String);

impl std::fmt::Debug for SealedNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedNotice")
    }
}

impl Serialize for SealedNotice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SealedNotice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl HistoryPlace {
    /// Returns the place, or `None` if the message does not tell the sequence or what it is about.
    pub(super) fn of(booking: Option<BookingId>, entry: Option<WaitlistEntryId>, sequence: Option<i64>) -> Option<Self> {
        sequence.filter(|_| booking.is_some() || entry.is_some()).map(|sequence| Self { booking, entry, sequence })
    }
}
