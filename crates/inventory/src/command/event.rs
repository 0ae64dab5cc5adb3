//! Commands that change or delete an event.

use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::Actor;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::states::WaitlistUntil;
use rowlock_domain::text::{Description, Title};
use rowlock_domain::time_zone::TimeZoneName;
use rowlock_domain::values::{AccountLimit, Capacity, CheckoutMinutes, OfferMinutes, Quantity};

use super::actor::Idempotency;

/// A change of an event by an administrator. Fields that are `None` leave their values unchanged.
#[derive(Debug, Clone)]
pub struct ChangeEvent {
    /// The event.
    pub event: EventId,
    /// The version that the event must have, if the administrator sent a precondition.
    pub expected_version: Option<i64>,
    /// The new name.
    pub name: Option<Title>,
    /// The new description. The inner `None` removes it.
    pub description: Option<Option<Description>>,
    /// The new venue. The inner `None` removes it.
    pub venue: Option<Option<Title>>,
    /// The new time zone.
    pub time_zone: Option<TimeZoneName>,
    /// The new start of the event. The inner `None` removes it.
    pub starts_at: Option<Option<Timestamp>>,
    /// The new end of the event. The inner `None` removes it.
    pub ends_at: Option<Option<Timestamp>>,
    /// The new start of sales. The inner `None` removes it.
    pub sales_start_at: Option<Option<Timestamp>>,
    /// The new end of sales. The inner `None` removes it.
    pub sales_end_at: Option<Option<Timestamp>>,
    /// The new rule for the end of the waiting list.
    pub waitlist_until: Option<WaitlistUntil>,
    /// The new cancellation deadline. The inner `None` removes it.
    pub cancel_until: Option<Option<Timestamp>>,
    /// The new number of minutes for which bookings are reserved. The inner `None` confirms bookings at once.
    pub checkout_minutes: Option<Option<CheckoutMinutes>>,
    /// The new number of minutes for which promoted entries can be accepted. The inner `None` confirms them at once.
    pub offer_minutes: Option<Option<OfferMinutes>>,
    /// Whether the change may end a waiting list that has entries. Otherwise such a change is rejected.
    pub close_waitlist: bool,
    /// The transition of the status.
    pub transition: Option<StatusTransition>,
    /// The changes of ticket types.
    pub types: Vec<TypeChange>,
    /// The administrator, for the audit log.
    pub actor: Option<Actor>,
    /// The idempotency key, if the client sent one. It belongs to the actor.
    pub idempotency: Option<Idempotency>,
}

impl ChangeEvent {
    /// Returns a change of the event that leaves everything unchanged.
    pub const fn unchanged(event: EventId) -> Self {
        Self {
            event,
            expected_version: None,
            name: None,
            description: None,
            venue: None,
            time_zone: None,
            starts_at: None,
            ends_at: None,
            sales_start_at: None,
            sales_end_at: None,
            waitlist_until: None,
            cancel_until: None,
            checkout_minutes: None,
            offer_minutes: None,
            close_waitlist: false,
            transition: None,
            types: Vec::new(),
            actor: None,
            idempotency: None,
        }
    }

    /// Returns whether the change may move the end of the waiting list.
    pub(crate) const fn moves_waitlist_end(&self) -> bool {
        self.starts_at.is_some() || self.sales_end_at.is_some() || self.waitlist_until.is_some()
    }

    /// Returns whether the change affects nothing but name, description, venue and time zone.
    pub(crate) const fn is_text_only(&self) -> bool {
        let times = self.ends_at.is_some() || self.sales_start_at.is_some() || self.cancel_until.is_some() || self.moves_waitlist_end();
        let reservations = self.checkout_minutes.is_some() || self.offer_minutes.is_some();
        !times && !reservations && self.transition.is_none() && self.types.is_empty()
    }
}

/// A transition of the status of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusTransition {
    /// Publishes the event.
    Publish,
    /// Makes the event a draft again, if it has never had a booking or a waiting-list entry.
    Unpublish,
    /// Cancels the event.
    Cancel,
}

/// A change of a ticket type. Fields that are `None` leave their values unchanged.
#[derive(Debug, Clone)]
pub struct TypeChange {
    /// The ticket type.
    pub id: TicketTypeId,
    /// The new name.
    pub name: Option<Title>,
    /// The new total number of tickets.
    pub capacity: Option<Capacity>,
    /// The new largest quantity of one booking.
    pub max_per_booking: Option<Quantity>,
    /// The new maximum number of tickets per account. The inner `None` removes the limit. Existing bookings and entries are not
    /// affected.
    pub max_per_account: Option<Option<AccountLimit>>,
}

/// A request to delete an event and its ticket types, if it has never had a booking or a waiting-list entry.
#[derive(Debug, Clone)]
pub struct DeleteEvent {
    /// The event.
    pub event: EventId,
    /// The version that the event must have, if the administrator sent a precondition.
    pub expected_version: Option<i64>,
    /// The administrator, for the audit log.
    pub actor: Actor,
}
