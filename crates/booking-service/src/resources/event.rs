//! An event, as the public and administrators see it.

use rowlock_domain::Timestamp;
use rowlock_inventory::command::ChangedEvent;
use rowlock_inventory::views::{Event, EventPicture, EventWithTypes};
use serde::Serialize;
use utoipa::ToSchema;

use super::availability::AvailabilityResource;
use super::ticket_type::TicketTypeResource;

/// Sums over the ticket types of an event.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) total: u64,
    pub(super) available: u64,
    pub(super) held: u64,
    pub(super) booked: u64,
    pub(super) reserved: u64,
    pub(super) waiting: u64,
}

impl Totals {
    pub(super) fn of(event: &EventWithTypes) -> Self {
        event.types.iter().map(|ticket_type| &ticket_type.stock).fold(Self::default(), |sum, stock| Self {
            total: sum.total + u64::from(stock.capacity),
            available: sum.available + u64::from(stock.available),
            held: sum.held + u64::from(stock.held),
            booked: sum.booked + u64::from(stock.booked),
            reserved: sum.reserved + u64::from(stock.reserved),
            waiting: sum.waiting + u64::from(stock.waiting),
        })
    }
}

/// The picture of an event, as JPEG in two sizes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventImage)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventImageResource {
    /// Path of the large size, at most 1200 × 800 pixels. It changes with the picture, so the file may be cached forever.
    url: String,
    /// Path of the small size, at most 600 × 400 pixels.
    small_url: String,
    /// Changes with the picture.
    version: String,
    /// The most common color, for the space of the picture until it has been loaded.
    #[schema(pattern = "^#[0-9a-f]{6}$")]
    color: String,
    /// Width of the large size in pixels.
    #[schema(minimum = 1, maximum = 1200)]
    width: u32,
    /// Height of the large size in pixels.
    #[schema(minimum = 1, maximum = 800)]
    height: u32,
}

impl EventImageResource {
    /// Returns the description of the picture of an event, if it has one.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let EventPicture { version, color, width, height } = event.picture.clone()?;
        let url = |size: &str| format!("/api/events/{}/image?size={size}&v={version}", event.id);
        Some(Self { url: url("large"), small_url: url("small"), version, color, width, height })
    }
}

/// An event. Its counts are the sums over its ticket types.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventResource {
    #[serde(flatten)]
    availability: AvailabilityResource,
    #[schema(required)]
    description: Option<String>,
}

impl From<&EventWithTypes> for EventResource {
    fn from(row: &EventWithTypes) -> Self {
        Self { availability: AvailabilityResource::from(row), description: row.event.description.clone() }
    }
}

/// An event after a change. Its counts are the sums over its ticket types.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedEvent)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedEventResource {
    #[serde(flatten)]
    event: EventResource,
    /// Waiting entries whose `minQuantity` is larger than `totalTickets` or `maxPerBooking` of their type allow. Omitted if there
    /// are none, as in the ticket types.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unservable_entries: Option<u64>,
}

impl From<&ChangedEvent> for ChangedEventResource {
    fn from(row: &ChangedEvent) -> Self {
        let mut event = EventResource::from(&row.event);
        for ticket_type in &mut event.availability.ticket_types {
            ticket_type.unservable_entries = row.unservable.get(&ticket_type.id).copied().filter(|entries| *entries > 0);
        }
        let sum: u64 = row.unservable.values().copied().map(u64::from).sum();
        Self { event, unservable_entries: Some(sum).filter(|entries| *entries > 0) }
    }
}

/// An event in the list for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedEvent)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedEventResource {
    #[serde(flatten)]
    event: EventResource,
    /// Returned tickets that are reserved for the waiting list, summed over all ticket types.
    held_tickets: u64,
    /// When the event was published; null for a draft and for an event that was cancelled as a draft.
    #[schema(value_type = Option<DateTime>, required)]
    published_at: Option<Timestamp>,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    /// When an administrator last changed the event.
    #[schema(value_type = DateTime)]
    updated_at: Timestamp,
}

impl From<&EventWithTypes> for ListedEventResource {
    fn from(row: &EventWithTypes) -> Self {
        let mut event = EventResource::from(row);
        event.availability.ticket_types = row.types.iter().map(TicketTypeResource::with_held).collect();
        let (published_at, created_at, updated_at) = (row.event.published_at, row.event.created_at, row.event.updated_at);
        Self { event, held_tickets: Totals::of(row).held, published_at, created_at, updated_at }
    }
}
