//! The availability of an event, as live streams report it.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_domain::states::{EventStatus, WaitlistUntil};
use rowlock_http::openapi as enums;
use rowlock_inventory::views::EventWithTypes;
use serde::Serialize;
use utoipa::ToSchema;

use super::event::{EventImageResource, Totals};
use super::ticket_type::TicketTypeResource;

/// An event without its description. Its counts are the sums over its ticket types.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Availability)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AvailabilityResource {
    #[schema(value_type = Uuid)]
    id: EventId,
    name: String,
    #[schema(required)]
    venue: Option<String>,
    /// The picture; null if the event has none.
    #[schema(required)]
    image: Option<EventImageResource>,
    /// Name of the IANA time zone in which people read the times, such as `Europe/Berlin`.
    #[schema(min_length = 1, max_length = 64)]
    time_zone: String,
    #[schema(value_type = Option<DateTime>, required)]
    starts_at: Option<Timestamp>,
    #[schema(value_type = Option<DateTime>, required)]
    ends_at: Option<Timestamp>,
    #[schema(value_type = Option<DateTime>, required)]
    sales_start_at: Option<Timestamp>,
    #[schema(value_type = Option<DateTime>, required)]
    sales_end_at: Option<Timestamp>,
    /// End of the waiting list: `start` (the start of the event) or `salesEnd` (the end of sales).
    #[schema(value_type = String, pattern = "^(start|salesEnd)$")]
    waitlist_until: WaitlistUntil,
    /// Last moment at which holders can return tickets; null for the start of the event.
    #[schema(value_type = Option<DateTime>, required)]
    cancel_until: Option<Timestamp>,
    /// Minutes for which a booking is reserved until it is confirmed; null if bookings are confirmed at once.
    #[schema(required, minimum = 1, maximum = 1440)]
    checkout_minutes: Option<u32>,
    /// Minutes for which a promoted waiting-list entry is offered its tickets; null if promoted entries are confirmed at once.
    #[schema(required, minimum = 1, maximum = 10080)]
    offer_minutes: Option<u32>,
    #[schema(value_type = enums::EventStatus)]
    status: EventStatus,
    total_tickets: u64,
    available_tickets: u64,
    booked_tickets: u64,
    reserved_tickets: u64,
    waitlist_length: u64,
    pub(super) ticket_types: Vec<TicketTypeResource>,
}

impl From<&EventWithTypes> for AvailabilityResource {
    fn from(row: &EventWithTypes) -> Self {
        let totals = Totals::of(row);
        let event = &row.event;
        Self {
            id: event.id,
            name: event.name.clone(),
            venue: event.venue.clone(),
            image: EventImageResource::of(event),
            time_zone: event.time_zone.clone(),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            sales_start_at: event.sales_start_at,
            sales_end_at: event.sales_end_at,
            waitlist_until: event.waitlist_until,
            cancel_until: event.cancel_until,
            checkout_minutes: event.checkout_minutes,
            offer_minutes: event.offer_minutes,
            status: event.status,
            total_tickets: totals.total,
            available_tickets: totals.available,
            booked_tickets: totals.booked,
            reserved_tickets: totals.reserved,
            waitlist_length: totals.waiting,
            ticket_types: row.types.iter().map(TicketTypeResource::new).collect(),
        }
    }
}
