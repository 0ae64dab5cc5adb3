//! The ticket counts and the waiting list of an event, as administrators see them.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TicketTypeId, WaitlistEntryId, WishId};
use rowlock_domain::states::EventStatus;
use rowlock_http::Page;
use rowlock_http::openapi as enums;
use rowlock_inventory::queries::EventStatusPage;
use serde::Serialize;
use utoipa::ToSchema;

use super::booking::HolderResource;
use super::event::Totals;
use super::ticket_type::TicketTypeResource;

/// A waiting entry, for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiting)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitingResource {
    /// Position in the waiting list of its ticket type, from 1.
    #[schema(minimum = 1)]
    position: i64,
    #[schema(value_type = Uuid)]
    waitlist_entry_id: WaitlistEntryId,
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    account: HolderResource,
    /// Whether the holder is a guest without an account, who has a link.
    for_guest: bool,
    quantity: u32,
    /// The smallest number of tickets that the entry takes; equal to `quantity` if it takes all or none.
    min_quantity: u32,
    /// Whether the entry can be promoted: false if its `minQuantity` is larger than `totalTickets` or `maxPerBooking` of its type
    /// allow.
    servable: bool,
    #[schema(value_type = DateTime)]
    joined_at: Timestamp,
    /// The wish that the entry belongs to; null if it stands alone.
    #[schema(value_type = Option<Uuid>, required)]
    wish_id: Option<WishId>,
    /// Rank of the ticket type in the order of preference of the wish, from 0; null if the entry stands alone.
    #[schema(required, minimum = 0, maximum = 9)]
    preference: Option<u16>,
}

/// The status of an event, for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventState)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventStatusResource {
    #[schema(value_type = Uuid)]
    event_id: EventId,
    event_name: String,
    #[schema(value_type = Option<DateTime>, required)]
    starts_at: Option<Timestamp>,
    /// Name of the IANA time zone in which people read the times, such as `Europe/Berlin`.
    #[schema(min_length = 1, max_length = 64)]
    time_zone: String,
    #[schema(value_type = enums::EventStatus)]
    status: EventStatus,
    total_tickets: u64,
    available_tickets: u64,
    held_tickets: u64,
    booked_tickets: u64,
    reserved_tickets: u64,
    waitlist_length: u64,
    /// Waiting entries whose `minQuantity` is larger than `totalTickets` or `maxPerBooking` of their type allow.
    unservable_entries: u64,
    ticket_types: Vec<TicketTypeResource>,
    waitlist: Page<WaitingResource>,
}

impl EventStatusResource {
    /// Creates the response. `page` must have been read with `limit + 1` entries, so that it is known whether another page
    /// follows.
    pub(crate) fn new(page: EventStatusPage, limit: i64) -> Self {
        let EventStatusPage { event, unservable, waitlist } = page;
        let largest_servable =
            |id: TicketTypeId| event.types.iter().find(|row| row.key.ticket_type == id).map(|row| row.stock.largest_quantity(row.limits));
        let totals = Totals::of(&event);
        let position_of = |id: TicketTypeId| {
            event.types.iter().find(|ticket_type| ticket_type.key.ticket_type == id).map_or(0, |ticket_type| ticket_type.position)
        };
        let waitlist = Page::cut(
            waitlist,
            limit,
            |(_, entry)| (position_of(entry.key.ticket_type), entry.number),
            |(position, entry)| WaitingResource {
                position,
                waitlist_entry_id: entry.id,
                ticket_type_id: entry.key.ticket_type,
                account: entry.holder.into(),
                for_guest: entry.for_guest,
                quantity: entry.size.quantity,
                min_quantity: entry.size.min_quantity,
                servable: largest_servable(entry.key.ticket_type).is_some_and(|largest| entry.size.min_quantity <= largest),
                joined_at: entry.joined_at,
                wish_id: entry.wish.map(|place| place.id),
                preference: entry.wish.map(|place| place.preference),
            },
        );
        Self {
            event_id: event.event.id,
            event_name: event.event.name.clone(),
            starts_at: event.event.starts_at,
            time_zone: event.event.time_zone.clone(),
            status: event.event.status,
            total_tickets: totals.total,
            available_tickets: totals.available,
            held_tickets: totals.held,
            booked_tickets: totals.booked,
            reserved_tickets: totals.reserved,
            waitlist_length: totals.waiting,
            unservable_entries: unservable.values().copied().map(u64::from).sum(),
            ticket_types: event.types.iter().map(|ticket_type| TicketTypeResource::for_admin(ticket_type, &unservable)).collect(),
            waitlist,
        }
    }
}
