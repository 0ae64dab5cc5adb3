//! The domain events, whose variants are the contracts of the `data` of messages.

use serde::Serialize;

use super::{EventChanges, SealedNotice};
use crate::Timestamp;
use crate::ids::{AccountId, BookingId, TransferId, WaitlistEntryId};
use crate::states::{BookingOrigin, EventStatus, TransferStatus};
use crate::wishes::WishPlace;

/// A domain event: a change to an event, a ticket type, a booking or a waiting-list entry.
///
/// The routing key of a domain event that increments the version of a ticket type must match
/// [`SALES_ROUTING_PATTERNS`](super::SALES_ROUTING_PATTERNS).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum DomainEvent {
    /// A request was booked from the available tickets, or a reserved booking was confirmed.
    BookingConfirmed {
        /// The confirmed booking.
        booking_id: BookingId,
        /// The account that holds the booking.
        account_id: AccountId,
        /// The number of booked tickets.
        quantity: u32,
        /// The origin of the booking: omitted if the tickets were available, `waitlist` if an offer was accepted.
        #[serde(skip_serializing_if = "BookingOrigin::is_direct")]
        origin: BookingOrigin,
    },
    /// Available tickets were reserved for an account, which must confirm the booking in time.
    BookingReserved {
        /// The new booking.
        booking_id: BookingId,
        /// The account that holds the booking.
        account_id: AccountId,
        /// The number of reserved tickets.
        quantity: u32,
        /// The time at which the reservation ends.
        expires_at: Timestamp,
    },
    /// A reserved booking was not confirmed in time.
    BookingExpired {
        /// The expired booking.
        booking_id: BookingId,
        /// The account that held the booking.
        account_id: AccountId,
        /// The number of tickets that were reserved.
        quantity: u32,
        /// The time at which the reservation ended.
        expires_at: Timestamp,
        /// The origin of the booking: `waitlist` if an offer was not accepted.
        origin: BookingOrigin,
    },
    /// Some of the tickets of a booking were returned.
    BookingReduced {
        /// The booking that was reduced.
        booking_id: BookingId,
        /// The account that holds the booking.
        account_id: AccountId,
        /// The number of tickets that remain in the booking.
        quantity: u32,
        /// The number of returned tickets.
        returned: u32,
        /// True if the booking is reserved, so that the returned tickets had not been sold. Omitted if it is confirmed.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reserved: bool,
    },
    /// A booking was cancelled by itself or together with its event.
    BookingCancelled {
        /// The cancelled booking.
        booking_id: BookingId,
        /// The account that held the booking.
        account_id: AccountId,
        /// The number of returned tickets.
        returned: u32,
        /// True if the booking was reserved, so that the returned tickets had not been sold. Omitted if it was confirmed.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reserved: bool,
        /// True if the event has been cancelled. Omitted if the booking ended by itself.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        event_cancelled: bool,
    },
    /// An account joined the waiting list.
    WaitlistJoined {
        /// The new entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that joined.
        account_id: AccountId,
        /// The number of tickets that the entry waits for.
        quantity: u32,
        /// The smallest number of tickets that the entry takes. Omitted if it takes all or none.
        #[serde(skip_serializing_if = "Option::is_none")]
        min_quantity: Option<u32>,
        /// The sequence number that orders the waiting list.
        number: i64,
        /// The wish that the entry belongs to, as `wishId` and `preference`. Omitted if it belongs to none.
        #[serde(flatten)]
        wish: Option<WishPlace>,
    },
    /// A waiting-list entry was promoted: it received held tickets as a booking.
    WaitlistPromoted {
        /// The promoted entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The booking that the entry became.
        booking_id: BookingId,
        /// The account that holds the booking.
        account_id: AccountId,
        /// The number of booked tickets.
        quantity: u32,
        /// The number of tickets that the entry waited for. Omitted if it got all of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        requested_quantity: Option<u32>,
        /// The number that the entry had in the waiting list.
        number: i64,
    },
    /// A waiting-list entry was promoted to a reserved booking, which its account must confirm in time.
    WaitlistOffered {
        /// The promoted entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The reserved booking.
        booking_id: BookingId,
        /// The account that holds the booking.
        account_id: AccountId,
        /// The number of reserved tickets.
        quantity: u32,
        /// The number of tickets that the entry waited for. Omitted if it got all of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        requested_quantity: Option<u32>,
        /// The number that the entry had in the waiting list.
        number: i64,
        /// The time at which the offer ends.
        expires_at: Timestamp,
    },
    /// An account left the waiting list, or another entry of its wish was promoted.
    WaitlistLeft {
        /// The entry that was withdrawn.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that left.
        account_id: AccountId,
        /// The number of tickets that the entry waited for.
        quantity: u32,
        /// The number that the entry had in the waiting list.
        number: i64,
        /// The booking that another entry of the same wish became. Omitted if the account left.
        #[serde(skip_serializing_if = "Option::is_none")]
        fulfilled_by: Option<BookingId>,
    },
    /// An account changed the number of tickets that its entry waits for, or the smallest number that it takes.
    WaitlistChanged {
        /// The changed entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that waits.
        account_id: AccountId,
        /// The new number of tickets.
        quantity: u32,
        /// The smallest number of tickets that the entry takes. Omitted if it takes all or none.
        #[serde(skip_serializing_if = "Option::is_none")]
        min_quantity: Option<u32>,
        /// The previous number of tickets.
        previous_quantity: u32,
        /// The sequence number that orders the waiting list: new if the quantity was raised, otherwise unchanged.
        number: i64,
    },
    /// A waiting entry was closed, because its waiting list ended or its event was cancelled.
    WaitlistClosed {
        /// The closed entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that waited.
        account_id: AccountId,
        /// The number of tickets that the entry waited for.
        quantity: u32,
        /// The number that the entry had in the waiting list.
        number: i64,
        /// True if the event has been cancelled. Omitted if only the waiting list ended.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        event_cancelled: bool,
        /// The wish that the entry belongs to, as `wishId` and `preference`. Omitted if it belongs to none.
        #[serde(flatten)]
        wish: Option<WishPlace>,
    },
    /// A closed entry was reopened with its old number, because the event was postponed.
    WaitlistReopened {
        /// The reopened entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that waits.
        account_id: AccountId,
        /// The number of tickets that the entry waits for.
        quantity: u32,
        /// The smallest number of tickets that the entry takes. Omitted if it takes all or none.
        #[serde(skip_serializing_if = "Option::is_none")]
        min_quantity: Option<u32>,
        /// The sequence number that orders the waiting list.
        number: i64,
    },
    /// The holder of a booking offered tickets of it to somebody else.
    TransferOffered {
        /// The new transfer.
        transfer_id: TransferId,
        /// The booking of the sender.
        booking_id: BookingId,
        /// The sender.
        account_id: AccountId,
        /// The number of tickets.
        quantity: u32,
        /// The time at which the transfer lapses.
        expires_at: Timestamp,
        /// The address and the secret of the link, which only the notifier can open.
        sealed: SealedNotice,
    },
    /// The receiver accepted a transfer. The message is for the sender.
    TransferAccepted {
        /// The accepted transfer.
        transfer_id: TransferId,
        /// The booking of the sender.
        booking_id: BookingId,
        /// The sender.
        account_id: AccountId,
        /// The number of transferred tickets.
        quantity: u32,
        /// The number of tickets that remain in the booking.
        remaining: u32,
    },
    /// The receiver accepted a transfer. The message is for the receiver.
    TransferReceived {
        /// The accepted transfer.
        transfer_id: TransferId,
        /// The new booking of the receiver.
        booking_id: BookingId,
        /// The receiver.
        account_id: AccountId,
        /// The number of transferred tickets.
        quantity: u32,
    },
    /// A transfer ended without being accepted.
    TransferEnded {
        /// The ended transfer.
        transfer_id: TransferId,
        /// The booking of the sender.
        booking_id: BookingId,
        /// The sender.
        account_id: AccountId,
        /// The number of tickets, which stay in the booking.
        quantity: u32,
        /// The status, `withdrawn` or `declined`.
        status: TransferStatus,
    },
    /// An administrator wants the link of a guest to be sent again. The message contains neither the link nor the address.
    GuestLinkRequested {
        /// The booking of the guest. Omitted if the guest waits.
        #[serde(skip_serializing_if = "Option::is_none")]
        booking_id: Option<BookingId>,
        /// The waiting-list entry of the guest. Omitted if the guest has tickets.
        #[serde(skip_serializing_if = "Option::is_none")]
        waitlist_entry_id: Option<WaitlistEntryId>,
        /// The generated id of the guest.
        account_id: AccountId,
        /// The number of tickets that the guest has or waits for.
        quantity: u32,
    },
    /// The ticket type has held tickets. The message omits their number because it can be late, lost or duplicated; only the row
    /// is reliable.
    TicketsReleased {},
    /// An allocation pass over the waiting list ended.
    TicketsReallocated {
        /// The number of tickets given to promoted entries.
        promoted: u32,
        /// The number of tickets that no waiting entry could take and that are now available.
        leftover: u32,
    },
    /// The capacity of a ticket type was changed.
    TicketsCapacityChanged {
        /// The new capacity.
        capacity: u32,
    },
    /// An event was created as a draft or published.
    EventCreated {
        /// The initial status, `draft` or `published`.
        status: EventStatus,
    },
    /// The details, the status or the terms of an event were changed.
    EventUpdated {
        /// The status after the change.
        status: EventStatus,
        /// The changes that matter to the holders of tickets, if there are any.
        #[serde(skip_serializing_if = "Option::is_none")]
        changes: Option<Box<EventChanges>>,
    },
    /// An event was cancelled.
    EventCancelled {},
    /// An event that never had a booking or a waiting-list entry was deleted.
    EventDeleted {},
}

impl DomainEvent {
    /// Returns the CloudEvents type, which is also the routing key.
    pub const fn routing_key(&self) -> &'static str {
        match self {
            Self::BookingConfirmed { .. } => "booking.confirmed",
            Self::BookingReserved { .. } => "booking.reserved",
            Self::BookingExpired { .. } => "booking.expired",
            Self::BookingReduced { .. } => "booking.reduced",
            Self::BookingCancelled { .. } => "booking.cancelled",
            Self::WaitlistJoined { .. } => "waitlist.joined",
            Self::WaitlistPromoted { .. } => "waitlist.promoted",
            Self::WaitlistOffered { .. } => "waitlist.offered",
            Self::WaitlistLeft { .. } => "waitlist.left",
            Self::WaitlistChanged { .. } => "waitlist.changed",
            Self::WaitlistClosed { .. } => "waitlist.closed",
            Self::WaitlistReopened { .. } => "waitlist.reopened",
            Self::TransferOffered { .. } => "transfer.offered",
            Self::TransferAccepted { .. } => "transfer.accepted",
            Self::TransferReceived { .. } => "transfer.received",
            Self::TransferEnded { .. } => "transfer.ended",
            Self::GuestLinkRequested { .. } => "guest.link_requested",
            Self::TicketsReleased {} => "tickets.released",
            Self::TicketsReallocated { .. } => "tickets.reallocated",
            Self::TicketsCapacityChanged { .. } => "tickets.capacity_changed",
            Self::EventCreated { .. } => "event.created",
            Self::EventUpdated { .. } => "event.updated",
            Self::EventCancelled {} => "event.cancelled",
            Self::EventDeleted {} => "event.deleted",
        }
    }
}
