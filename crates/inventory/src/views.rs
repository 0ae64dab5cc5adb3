//! The rows of the tables as domain types, for readers and for transactions.

pub(crate) mod rows;

use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{BookingLimits, PartySize, Schedule, Stock};
use rowlock_domain::chance::Chance;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TransferId, TypeKey, WaitlistEntryId};
use rowlock_domain::queue::QueuedEntry;
use rowlock_domain::states::{BookingOrigin, BookingStatus, EventStatus, TransferStatus, WaitlistStatus, WaitlistUntil};
use rowlock_domain::wishes::WishPlace;
use serde::{Deserialize, Serialize};

use crate::event_times::EventTimes;

/// The person for whom a booking or an entry was made, with the data from the access token or, for guests, from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub account: AccountId,
    /// The name of the person.
    pub name: String,
    /// The e-mail address of the person.
    pub email: String,
}

/// The description of the picture of an event, for responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPicture {
    /// A hash of the files, which changes with the picture.
    pub version: String,
    /// The most common color, such as `#1f4fd8`.
    pub color: String,
    /// The width of the large size in pixels.
    pub width: u32,
    /// The height of the large size in pixels.
    pub height: u32,
}

/// An event without its ticket types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id.
    pub id: EventId,
    /// The name.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The venue.
    pub venue: Option<String>,
    /// The name of the time zone in which people read the times. A stored name may be unknown to this version.
    pub time_zone: String,
    /// The description of the picture, if the event has one.
    pub picture: Option<EventPicture>,
    /// The start of the event.
    pub starts_at: Option<Timestamp>,
    /// The end of the event.
    pub ends_at: Option<Timestamp>,
    /// The start of sales. If absent, sales start when the event is published.
    pub sales_start_at: Option<Timestamp>,
    /// The end of sales. If absent, sales end when the event starts.
    pub sales_end_at: Option<Timestamp>,
    /// The point in time at which the waiting list ends.
    pub waitlist_until: WaitlistUntil,
    /// The time until which holders can return tickets. If absent, they can until the event starts.
    pub cancel_until: Option<Timestamp>,
    /// The number of minutes for which bookings are reserved. If absent, bookings are confirmed at once.
    pub checkout_minutes: Option<u32>,
    /// The number of minutes for which promoted entries can be accepted. If absent, they are confirmed at once.
    pub offer_minutes: Option<u32>,
    /// The status.
    pub status: EventStatus,
    /// The time at which the event was first published.
    pub published_at: Option<Timestamp>,
    /// The version, incremented by each change that an administrator makes.
    pub version: i64,
    /// The administrator who created the event.
    pub created_by: AccountId,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

impl Event {
    /// Returns the times, which must not contradict each other.
    pub const fn times(&self) -> EventTimes {
        EventTimes {
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            sales_start_at: self.sales_start_at,
            sales_end_at: self.sales_end_at,
            cancel_until: self.cancel_until,
        }
    }

    /// Returns the data that decide about sales and promotions.
    pub const fn schedule(&self) -> Schedule {
        Schedule {
            status: self.status,
            sales_start_at: self.sales_start_at,
            sales_end_at: self.sales_end_at,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            waitlist_until: self.waitlist_until,
            cancel_until: self.cancel_until,
        }
    }
}

/// A ticket type with its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketType {
    /// The key.
    pub key: TypeKey,
    /// The position in the event's list of types, starting at 0.
    pub position: i16,
    /// The name.
    pub name: String,
    /// The price of one ticket, in minor units.
    pub price_minor: i64,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The counters.
    pub stock: Stock,
    /// The limits.
    pub limits: BookingLimits,
}

/// An event with its ticket types, ordered by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWithTypes {
    /// The event.
    pub event: Event,
    /// The ticket types.
    pub types: Vec<TicketType>,
}

impl EventWithTypes {
    /// Returns a value that differs whenever anything that a reader of the event can see has changed.
    pub fn content_version(&self) -> (i64, i64) {
        (self.event.version, self.types.iter().map(|ticket_type| ticket_type.stock.version).sum())
    }
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The id.
    pub id: BookingId,
    /// The ticket type that was booked.
    pub key: TypeKey,
    /// The holder.
    pub holder: Holder,
    /// The number of tickets. A cancelled or expired booking keeps the number that it last had, unless its last tickets were
    /// transferred: then it is cancelled and has none.
    pub quantity: u32,
    /// The status.
    pub status: BookingStatus,
    /// The way in which the booking was created.
    pub origin: BookingOrigin,
    /// The time of creation.
    pub booked_at: Timestamp,
    /// The time at which the last tickets were returned or transferred.
    pub cancelled_at: Option<Timestamp>,
    /// The time at which the reservation ends or ended. It is absent if the tickets were sold: it is cleared when the booking is
    /// confirmed, and kept when the booking is cancelled or expires before that.
    pub expires_at: Option<Timestamp>,
    /// Whether the holder is a guest without an account, who has a link instead.
    pub for_guest: bool,
}

impl Booking {
    /// Returns whether the booking is reserved and its time is over, although it has not been ended yet.
    pub fn has_lapsed(&self, now: Timestamp) -> bool {
        self.status == BookingStatus::Reserved && self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// An entry of a waiting list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitlistEntry {
    /// The id.
    pub id: WaitlistEntryId,
    /// The ticket type that the entry waits for.
    pub key: TypeKey,
    /// The holder.
    pub holder: Holder,
    /// The number of tickets that the entry waits for, and the smallest number that it takes. The booking of a promoted entry can have
    /// fewer than it waited for.
    pub size: PartySize,
    /// The sequence number that orders the list.
    pub number: i64,
    /// The status.
    pub status: WaitlistStatus,
    /// The booking that the entry became.
    pub booking: Option<BookingId>,
    /// The time of creation.
    pub joined_at: Timestamp,
    /// The time at which the entry stopped waiting.
    pub ended_at: Option<Timestamp>,
    /// Whether the holder is a guest without an account, who cannot accept offers.
    pub for_guest: bool,
    /// The wish that the entry belongs to, and its place there, unless it stands alone.
    pub wish: Option<WishPlace>,
}

impl WaitlistEntry {
    /// Returns the entry as an allocation pass sees it.
    pub const fn queued(&self) -> QueuedEntry {
        QueuedEntry { number: self.number, size: self.size }
    }
}

/// A booking with the name of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBooking {
    /// The name of the event.
    pub event_name: String,
    /// The booking.
    pub booking: Booking,
}

/// An entry with the name of its event and its position in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEntry {
    /// The name of the event.
    pub event_name: String,
    /// The position in the queue, starting at 1, if the entry is waiting.
    pub position: Option<i64>,
    /// The chance to get tickets, if it was estimated.
    pub chance: Option<Chance>,
    /// The entry.
    pub entry: WaitlistEntry,
}

/// A transfer of tickets from one account to another.
#[derive(Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The id.
    pub id: TransferId,
    /// The ticket type.
    pub key: TypeKey,
    /// The booking of the sender.
    pub booking: BookingId,
    /// The sender.
    pub from_account: AccountId,
    /// The number of tickets.
    pub quantity: u32,
    /// The status.
    pub status: TransferStatus,
    /// The address to which the link was sent, while the transfer is pending.
    pub to_email: Option<String>,
    /// The SHA-256 of the secret in the link.
    pub token_hash: [u8; 32],
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time at which the transfer lapses.
    pub expires_at: Timestamp,
    /// The time at which the transfer was accepted, withdrawn or declined, or at which it was found to have lapsed.
    pub ended_at: Option<Timestamp>,
    /// The account that accepted.
    pub to_account: Option<AccountId>,
    /// The booking of the receiver.
    pub received_booking: Option<BookingId>,
}

impl std::fmt::Debug for Transfer {
    /// Leaves out the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transfer").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// A transfer with the people on its sides. The name and the address of an account that was erased are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTransfer {
    /// The transfer.
    pub transfer: Transfer,
    /// The sender.
    pub from: Holder,
    /// The receiver, if the transfer was accepted.
    pub to: Option<Holder>,
}

/// A transfer with the name of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTransfer {
    /// The name of the event.
    pub event_name: String,
    /// The transfer.
    pub transfer: Transfer,
}
