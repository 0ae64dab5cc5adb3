//! The documents of the organizers' routes.

use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, WaitlistEntryId};
use rowlock_domain::states::{AdminRole, BookingStatus, EventStatus};
use rowlock_locale::Locale;
use serde::Deserialize;

use crate::api::Call;
use crate::api::models::{Image, List, Price};
use crate::error::PageError;
use crate::visitor::Visitor;

/// An event with everything that organizers see.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeskEvent {
    pub(super) id: EventId,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) venue: Option<String>,
    #[serde(default)]
    pub(super) image: Option<Image>,
    pub(super) starts_at: Option<Timestamp>,
    pub(super) ends_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) time_zone: Option<String>,
    #[serde(default)]
    pub(super) published_at: Option<Timestamp>,
    pub(super) sales_start_at: Option<Timestamp>,
    pub(super) sales_end_at: Option<Timestamp>,
    pub(super) waitlist_until: String,
    pub(super) cancel_until: Option<Timestamp>,
    pub(super) status: EventStatus,
    pub(super) total_tickets: i64,
    pub(super) available_tickets: i64,
    pub(super) booked_tickets: i64,
    /// Tickets that are held for buyers until they confirm. Absent in the responses of an older API, as are the two durations.
    #[serde(default)]
    pub(super) reserved_tickets: i64,
    pub(super) held_tickets: i64,
    pub(super) waitlist_length: i64,
    #[serde(default)]
    pub(super) checkout_minutes: Option<i64>,
    #[serde(default)]
    pub(super) offer_minutes: Option<i64>,
    pub(super) ticket_types: Vec<DeskTicketType>,
}

/// A ticket type with everything that organizers see.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeskTicketType {
    pub(super) id: TicketTypeId,
    pub(super) name: String,
    pub(super) price: Price,
    pub(super) total_tickets: i64,
    pub(super) available_tickets: i64,
    pub(super) booked_tickets: i64,
    #[serde(default)]
    pub(super) reserved_tickets: i64,
    pub(super) held_tickets: i64,
    pub(super) waitlist_length: i64,
    pub(super) max_per_booking: i64,
    pub(super) max_per_account: Option<i64>,
}

impl DeskTicketType {
    /// Returns the sold share in percent, rounded down.
    pub(super) fn sold_percent(&self) -> i64 {
        self.percent(self.booked_tickets)
    }

    /// Returns the reserved share in percent. It is at least one if there is a reserved ticket, so that its bar is visible.
    pub(super) fn reserved_percent(&self) -> i64 {
        let share = self.percent(self.booked_tickets + self.reserved_tickets) - self.sold_percent();
        share.max(i64::from(self.reserved_tickets > 0)).min(100 - self.sold_percent())
    }

    /// Returns the number of tickets that belong to somebody, below which the total cannot fall.
    pub(super) fn taken_tickets(&self) -> i64 {
        self.booked_tickets + self.reserved_tickets
    }

    fn percent(&self, tickets: i64) -> i64 {
        (tickets * 100).checked_div(self.total_tickets).unwrap_or(0).clamp(0, 100)
    }
}

impl DeskEvent {
    /// Reads an event and the version that `If-Match` compares.
    pub(super) async fn read(visitor: &Visitor, id: EventId) -> Result<(Self, String), PageError> {
        let response = visitor.respond(Call::get(&format!("/admin/events/{id}"))).await?;
        let version = response.headers().get("etag").and_then(|value| value.to_str().ok()).unwrap_or("*").to_owned();
        let event = response.json().await.map_err(crate::api::problem::ApiError::Unreadable)?;
        Ok((event, version))
    }

    /// Returns the time zone in which the event's times are shown and entered.
    pub(super) fn zone(&self) -> Tz {
        self.time_zone.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
    }

    pub(super) fn is_draft(&self) -> bool {
        self.status == EventStatus::Draft
    }

    pub(super) fn is_published(&self) -> bool {
        self.status == EventStatus::Published
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.status == EventStatus::Cancelled
    }

    /// Returns the id of the text that names the status.
    pub(super) fn status_text(&self) -> &'static str {
        match self.status {
            EventStatus::Draft => "desk-status-draft",
            EventStatus::Published => "desk-status-published",
            EventStatus::Cancelled => "desk-status-cancelled",
        }
    }

    /// Returns the sold share in percent, rounded down.
    pub(super) fn sold_percent(&self) -> i64 {
        (self.booked_tickets * 100).checked_div(self.total_tickets).unwrap_or(0).clamp(0, 100)
    }

    /// Returns whether tickets of the event are reserved before they are sold, or were a moment ago.
    pub(super) fn has_reservations(&self) -> bool {
        self.checkout_minutes.is_some() || self.offer_minutes.is_some() || self.reserved_tickets > 0
    }

    /// Returns the number of tickets that are sold or reserved.
    pub(super) fn taken_tickets(&self) -> i64 {
        self.booked_tickets + self.reserved_tickets
    }

    /// Returns the name of a ticket type, or an empty text if the event does not have it.
    pub(super) fn type_name(&self, id: &TicketTypeId) -> &str {
        self.ticket_types.iter().find(|known| known.id == *id).map_or("", |known| known.name.as_str())
    }
}

/// The person to whom a booking or a waiting-list entry belongs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) email: String,
}

/// A booking with its holder.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeldBooking {
    pub(super) id: BookingId,
    pub(super) ticket_type_id: TicketTypeId,
    pub(super) quantity: i64,
    pub(super) status: BookingStatus,
    pub(super) origin: String,
    pub(super) booked_at: Timestamp,
    /// When a reservation ends or has ended.
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
    pub(super) account: Holder,
    /// Whether the holder is a guest, who has a link. Absent in the responses of an older API.
    #[serde(default)]
    pub(super) for_guest: bool,
}

impl HeldBooking {
    /// Returns whether the holder can be sent a link.
    pub(super) fn has_link(&self) -> bool {
        self.for_guest && self.has_tickets()
    }

    /// Returns whether the booking has tickets, which an organizer can cancel.
    pub(super) fn has_tickets(&self) -> bool {
        matches!(self.status, BookingStatus::Confirmed | BookingStatus::Reserved)
    }

    /// Returns the id of the text that names the status.
    pub(super) fn status_text(&self) -> &'static str {
        match self.status {
            BookingStatus::Reserved => "desk-booking-reserved",
            BookingStatus::Confirmed => "desk-booking-confirmed",
            BookingStatus::Cancelled => "desk-booking-cancelled",
            BookingStatus::Expired => "desk-booking-expired",
        }
    }

    /// Returns the class of the color of the status.
    pub(super) fn status_kind(&self) -> &'static str {
        match self.status {
            BookingStatus::Reserved => "warn",
            BookingStatus::Confirmed => "good",
            BookingStatus::Cancelled | BookingStatus::Expired => "quiet",
        }
    }

    /// Returns when the reservation ends, if there is one.
    pub(super) fn reserved_until(&self) -> Option<Timestamp> {
        self.expires_at.filter(|_| self.status == BookingStatus::Reserved)
    }
}

/// An entry of the waiting list with its holder.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WaitingParty {
    pub(super) waitlist_entry_id: WaitlistEntryId,
    pub(super) ticket_type_id: TicketTypeId,
    pub(super) position: i64,
    pub(super) quantity: i64,
    /// Absent in the responses of an older API.
    #[serde(default)]
    pub(super) min_quantity: Option<i64>,
    pub(super) joined_at: Timestamp,
    pub(super) servable: bool,
    pub(super) account: Holder,
    /// Whether the holder is a guest, who has a link. Absent in the responses of an older API.
    #[serde(default)]
    pub(super) for_guest: bool,
}

impl WaitingParty {
    /// Returns how many tickets the party takes, such as `2–4`.
    pub(super) fn size(&self, locale: &Locale) -> String {
        let most = locale.number(self.quantity);
        match self.min_quantity {
            Some(least) if least < self.quantity => format!("{}–{most}", locale.number(least)),
            _ => most,
        }
    }
}

/// The waiting list within the state of an event.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EventState {
    pub(super) waitlist: List<WaitingParty>,
}

/// An account as administrators see it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeskAccount {
    pub(super) id: AccountId,
    pub(super) name: String,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) role: String,
    #[serde(default)]
    pub(super) admin_role: Option<AdminRole>,
    pub(super) created_at: Timestamp,
    pub(super) disabled_at: Option<Timestamp>,
}

/// Counts of the bookings, tickets and waiting-list entries that an account has at events to come.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Holdings {
    pub(super) bookings: i64,
    pub(super) tickets: i64,
    pub(super) waitlist_entries: i64,
}

/// An entry of the audit log.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AuditEntry {
    pub(super) at: Timestamp,
    pub(super) action: String,
    pub(super) actor: Actor,
    pub(super) subject: String,
    pub(super) details: serde_json::Map<String, serde_json::Value>,
}

/// The actor of an entry of the audit log.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Actor {
    pub(super) role: String,
    pub(super) account_id: Option<AccountId>,
}
