//! The documents of the API that pages read. Members that no page shows are left out.

use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, SessionId, TicketTypeId, TransferId, WaitlistEntryId, WishId};
use rowlock_domain::states::{AdminRole, BookingOrigin, BookingStatus, EventStatus, TransferStatus, WaitlistStatus};
use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// An event with its counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) venue: Option<String>,
    /// Absent in the responses of an older API.
    #[serde(default)]
    pub(crate) image: Option<Image>,
    pub(crate) starts_at: Option<Timestamp>,
    pub(crate) ends_at: Option<Timestamp>,
    /// IANA name. Absent in the responses of an older API.
    #[serde(default)]
    pub(crate) time_zone: Option<String>,
    pub(crate) sales_start_at: Option<Timestamp>,
    pub(crate) sales_end_at: Option<Timestamp>,
    pub(crate) waitlist_until: String,
    pub(crate) cancel_until: Option<Timestamp>,
    /// How long booked tickets are held until they are confirmed. `None` if bookings are confirmed at once. Absent in the responses of
    /// an older API, as is the time to accept an offer.
    #[serde(default)]
    pub(crate) checkout_minutes: Option<i64>,
    /// How long tickets are offered to a party of the waiting list. `None` if promotions are confirmed at once.
    #[serde(default)]
    pub(crate) offer_minutes: Option<i64>,
    pub(crate) status: EventStatus,
    pub(crate) available_tickets: i64,
    pub(crate) waitlist_length: i64,
    pub(crate) ticket_types: Vec<TicketType>,
}

impl Event {
    /// Returns the time zone in which the event's times are shown.
    pub(crate) fn zone(&self) -> Tz {
        self.time_zone.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
    }
}

/// The picture of an event in two sizes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Image {
    pub(crate) url: String,
    pub(crate) small_url: String,
    pub(crate) color: String,
    /// Width of the large size.
    pub(crate) width: u32,
    /// Height of the large size.
    pub(crate) height: u32,
}

/// A ticket type of an event.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketType {
    pub(crate) id: TicketTypeId,
    pub(crate) name: String,
    pub(crate) price: Price,
    pub(crate) total_tickets: i64,
    pub(crate) available_tickets: i64,
    pub(crate) waitlist_length: i64,
    pub(crate) max_per_booking: i64,
    pub(crate) max_per_account: Option<i64>,
}

/// A price in the minor unit of its currency.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Price {
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
}

/// A booking of the visitor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Booking {
    pub(crate) id: BookingId,
    pub(crate) event_id: EventId,
    pub(crate) event_name: String,
    pub(crate) ticket_type_id: TicketTypeId,
    pub(crate) quantity: i64,
    pub(crate) status: BookingStatus,
    pub(crate) origin: BookingOrigin,
    pub(crate) booked_at: Timestamp,
    pub(crate) cancelled_at: Option<Timestamp>,
    /// When a reservation ends or has ended. Absent in the responses of an older API.
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
}

impl Booking {
    /// Returns whether the tickets were offered to a party of the waiting list.
    pub(crate) fn is_offer(&self) -> bool {
        self.origin == BookingOrigin::Waitlist
    }

    /// Returns when the reservation ends, if the booking is reserved and the time has not run out. The worker that ends reservations
    /// may be a moment late.
    pub(crate) fn reserved_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires_at.filter(|at| self.status == BookingStatus::Reserved && *at > now)
    }
}

/// A ticket of a confirmed booking.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedTicket {
    /// Number within the booking, from 0.
    pub(crate) number: u32,
    /// Short name of the ticket for people, which is also printed on it.
    pub(crate) reference: String,
    pub(crate) holder_name: String,
    /// When its holder was admitted.
    pub(crate) used_at: Option<Timestamp>,
}

/// A transfer of tickets that the visitor has offered or accepted, or whose link the visitor has.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transfer {
    pub(crate) id: TransferId,
    direction: String,
    pub(crate) event_id: EventId,
    pub(crate) event_name: String,
    pub(crate) ticket_type_id: TicketTypeId,
    pub(crate) quantity: i64,
    pub(crate) status: TransferStatus,
    /// The booking of the visitor.
    pub(crate) booking_id: Option<BookingId>,
    /// The address to which the visitor has offered the tickets.
    pub(crate) to_email: Option<String>,
    pub(crate) expires_at: Timestamp,
}

impl Transfer {
    /// Returns whether the visitor offered the tickets.
    pub(crate) fn is_sent(&self) -> bool {
        self.direction == "sent"
    }
}

/// The response to a request that makes or changes a transfer.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ChangedTransfer {
    pub(crate) transfer: Transfer,
}

/// A waiting-list entry of the visitor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitlistEntry {
    pub(crate) id: WaitlistEntryId,
    pub(crate) event_id: EventId,
    pub(crate) event_name: String,
    pub(crate) ticket_type_id: TicketTypeId,
    pub(crate) quantity: i64,
    /// The smallest number of tickets that the entry takes. Absent in the responses of an older API.
    #[serde(default)]
    pub(crate) min_quantity: Option<i64>,
    /// The number under which the entry is in the record of the queue. Absent in the responses of an older API.
    #[serde(default)]
    pub(crate) number: Option<i64>,
    pub(crate) position: Option<i64>,
    /// Absent in the responses of an older API.
    #[serde(default)]
    pub(crate) chance: Option<Chance>,
    pub(crate) status: WaitlistStatus,
    pub(crate) joined_at: Timestamp,
    pub(crate) booking_id: Option<BookingId>,
    /// The wish that the entry belongs to. Absent in the responses of an older API, as is the preference.
    #[serde(default)]
    pub(crate) wish_id: Option<WishId>,
    #[serde(default)]
    pub(crate) preference: Option<u16>,
}

/// The range in percent in which the chance of an entry lies.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Chance {
    pub(crate) low: i64,
    pub(crate) high: i64,
    /// Number of tickets that were returned in the last `days`.
    pub(crate) returned_tickets: i64,
    pub(crate) days: i64,
    /// Time until which returned tickets go to the waiting list.
    pub(crate) until: Timestamp,
}

/// The outcome of a request for tickets.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "status", rename_all_fields = "camelCase", rename_all = "lowercase")]
pub(crate) enum BookOutcome {
    /// The tickets are booked.
    Confirmed { booking: Booking },
    /// The tickets are held until the booking is confirmed.
    Reserved { booking: Booking },
    /// The request waits.
    Waitlisted { waitlist_entry: WaitlistEntry },
}

/// Response to a booking that was confirmed or cancelled.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ChangedBooking {
    pub(crate) booking: Booking,
}

/// Response to a changed waiting-list entry.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedEntry {
    pub(crate) waitlist_entry: WaitlistEntry,
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) username: String,
    pub(crate) email: String,
    /// `user` or `admin`.
    pub(crate) role: String,
    /// The role of an administrator. Absent in the responses of an older auth-service.
    #[serde(default)]
    pub(crate) admin_role: Option<AdminRole>,
    /// Whether signing in needs a code.
    #[serde(default)]
    pub(crate) totp_enabled: bool,
    /// Whether the address is confirmed. Absent in the responses of an older auth-service, as are the notifications.
    #[serde(default)]
    pub(crate) email_confirmed: bool,
    #[serde(default)]
    pub(crate) notifications: Notifications,
}

/// The e-mail that the owner of an account gets besides e-mail about own tickets.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Notifications {
    pub(crate) waitlist: bool,
    pub(crate) reminders: bool,
}

/// Tokens of a session and its account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedIn {
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) account: Account,
}

/// A session of the visitor's account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveSession {
    pub(crate) id: SessionId,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) user_agent: Option<String>,
    pub(crate) current: bool,
}

/// The outcome of a booking for a guest, whose details the desk reads elsewhere.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GuestOutcome {
    /// `confirmed` or `waitlisted`.
    pub(crate) status: String,
}
