//! Response bodies of the API: events, bookings and waiting-list entries as JSON.

use std::collections::HashMap;

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, WaitlistEntryId};
use rowlock_domain::states::{BookingOrigin, BookingStatus, EventStatus, WaitlistStatus, WaitlistUntil};
use rowlock_http::Page;
use rowlock_http::openapi as words;
use rowlock_inventory::command::ChangedEvent;
use rowlock_inventory::queries::EventStatusPage;
use rowlock_inventory::views::{EventWithTypes, NamedBooking, NamedEntry, TicketType};
use serde::Serialize;
use utoipa::ToSchema;

/// The price of a ticket.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Price)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PriceResource {
    /// Amount in the minor unit of the currency (cents, pence, yen).
    #[schema(minimum = 0)]
    amount_minor: i64,
    /// Currency code of three capital letters (ISO 4217).
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
}

/// A ticket type of an event, with its own number of tickets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TicketType)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketTypeResource {
    #[schema(value_type = Uuid)]
    id: TicketTypeId,
    name: String,
    price: PriceResource,
    total_tickets: u32,
    /// Tickets that anyone can book now. Held tickets are not included.
    available_tickets: u32,
    booked_tickets: u32,
    waitlist_length: u32,
    max_per_booking: u32,
    /// Maximum number of tickets that one account may have booked and requested on the waiting list, taken together; null for no
    /// limit.
    #[schema(required)]
    max_per_account: Option<u32>,
    /// Returned tickets that are reserved for the waiting list. For administrators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    held_tickets: Option<u32>,
    /// Waiting entries that ask for more tickets than `totalTickets` or `maxPerBooking` allow, because these were lowered
    /// afterwards. They keep their positions and are skipped until the limits are raised. For administrators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unservable_entries: Option<u32>,
}

impl TicketTypeResource {
    fn with_held(ticket_type: &TicketType) -> Self {
        Self { held_tickets: Some(ticket_type.stock.held), ..Self::new(ticket_type) }
    }

    fn for_admin(ticket_type: &TicketType, unservable: &HashMap<TicketTypeId, u32>) -> Self {
        let unservable = unservable.get(&ticket_type.key.ticket_type).copied().unwrap_or_default();
        Self { unservable_entries: Some(unservable), ..Self::with_held(ticket_type) }
    }

    fn new(ticket_type: &TicketType) -> Self {
        let stock = &ticket_type.stock;
        Self {
            id: ticket_type.key.ticket_type,
            name: ticket_type.name.clone(),
            price: PriceResource { amount_minor: ticket_type.price_minor, currency: ticket_type.currency.clone() },
            total_tickets: stock.capacity,
            available_tickets: stock.available,
            booked_tickets: stock.booked,
            waitlist_length: stock.waiting,
            max_per_booking: ticket_type.terms.max_per_booking,
            max_per_account: ticket_type.terms.max_per_account,
            held_tickets: None,
            unservable_entries: None,
        }
    }
}

/// Sums over the ticket types of an event.
#[derive(Debug, Default)]
struct Totals {
    total: u64,
    available: u64,
    held: u64,
    booked: u64,
    waiting: u64,
}

impl Totals {
    fn of(event: &EventWithTypes) -> Self {
        event.types.iter().map(|ticket_type| &ticket_type.stock).fold(Self::default(), |sum, stock| Self {
            total: sum.total + u64::from(stock.capacity),
            available: sum.available + u64::from(stock.available),
            held: sum.held + u64::from(stock.held),
            booked: sum.booked + u64::from(stock.booked),
            waiting: sum.waiting + u64::from(stock.waiting),
        })
    }
}

/// An event. Its counts are the sums over its ticket types.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventResource {
    #[schema(value_type = Uuid)]
    id: EventId,
    name: String,
    #[schema(required)]
    description: Option<String>,
    #[schema(required)]
    venue: Option<String>,
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
    #[schema(value_type = words::EventStatus)]
    status: EventStatus,
    total_tickets: u64,
    available_tickets: u64,
    booked_tickets: u64,
    waitlist_length: u64,
    ticket_types: Vec<TicketTypeResource>,
}

impl From<&EventWithTypes> for EventResource {
    fn from(row: &EventWithTypes) -> Self {
        let totals = Totals::of(row);
        let event = &row.event;
        Self {
            id: event.id,
            name: event.name.clone(),
            description: event.description.clone(),
            venue: event.venue.clone(),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            sales_start_at: event.sales_start_at,
            sales_end_at: event.sales_end_at,
            waitlist_until: event.waitlist_until,
            cancel_until: event.cancel_until,
            status: event.status,
            total_tickets: totals.total,
            available_tickets: totals.available,
            booked_tickets: totals.booked,
            waitlist_length: totals.waiting,
            ticket_types: row.types.iter().map(TicketTypeResource::new).collect(),
        }
    }
}

/// An event after a change. Its counts are the sums over its ticket types.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedEvent)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedEventResource {
    #[serde(flatten)]
    event: EventResource,
    /// Waiting entries that ask for more tickets than `totalTickets` or `maxPerBooking` of their type allow. Omitted if there
    /// are none, as in the ticket types.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unservable_entries: Option<u64>,
}

impl From<&ChangedEvent> for ChangedEventResource {
    fn from(row: &ChangedEvent) -> Self {
        let mut event = EventResource::from(&row.event);
        for ticket_type in &mut event.ticket_types {
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
        event.ticket_types = row.types.iter().map(TicketTypeResource::with_held).collect();
        let (published_at, created_at, updated_at) = (row.event.published_at, row.event.created_at, row.event.updated_at);
        Self { event, held_tickets: Totals::of(row).held, published_at, created_at, updated_at }
    }
}

/// A booking of one or more tickets of one type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Booking)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BookingResource {
    #[schema(value_type = Uuid)]
    id: BookingId,
    #[schema(value_type = Uuid)]
    event_id: EventId,
    event_name: String,
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    quantity: u32,
    #[schema(value_type = words::BookingStatus)]
    status: BookingStatus,
    #[schema(value_type = words::BookingOrigin)]
    origin: BookingOrigin,
    #[schema(value_type = DateTime)]
    booked_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    cancelled_at: Option<Timestamp>,
}

impl From<&NamedBooking> for BookingResource {
    fn from(row: &NamedBooking) -> Self {
        let booking = &row.booking;
        Self {
            id: booking.id,
            event_id: booking.key.event,
            event_name: row.event_name.clone(),
            ticket_type_id: booking.key.ticket_type,
            quantity: booking.quantity,
            status: booking.status,
            origin: booking.origin,
            booked_at: booking.booked_at,
            cancelled_at: booking.cancelled_at,
        }
    }
}

/// An entry in the waiting list of a ticket type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WaitlistEntry)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitlistEntryResource {
    #[schema(value_type = Uuid)]
    id: WaitlistEntryId,
    #[schema(value_type = Uuid)]
    event_id: EventId,
    event_name: String,
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    quantity: u32,
    /// Position in the waiting list, from 1; null if the entry no longer waits.
    #[schema(required, minimum = 1)]
    position: Option<i64>,
    #[schema(value_type = words::WaitlistStatus)]
    status: WaitlistStatus,
    #[schema(value_type = DateTime)]
    joined_at: Timestamp,
    /// The booking that the entry was promoted to; null if it was not promoted.
    #[schema(value_type = Option<Uuid>, required)]
    booking_id: Option<BookingId>,
}

impl From<&NamedEntry> for WaitlistEntryResource {
    fn from(row: &NamedEntry) -> Self {
        let entry = &row.entry;
        Self {
            id: entry.id,
            event_id: entry.key.event,
            event_name: row.event_name.clone(),
            ticket_type_id: entry.key.ticket_type,
            quantity: entry.quantity,
            position: row.place,
            status: entry.status,
            joined_at: entry.joined_at,
            booking_id: entry.booking,
        }
    }
}

/// The account that holds a booking or a waiting-list entry, for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Holder)]
pub(crate) struct HolderResource {
    #[schema(value_type = Uuid)]
    id: AccountId,
    name: String,
    email: String,
}

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
    quantity: u32,
    /// Whether the entry can be promoted: false if it asks for more tickets than `totalTickets` or `maxPerBooking` of its type
    /// allow.
    servable: bool,
    #[schema(value_type = DateTime)]
    joined_at: Timestamp,
}

/// The status of an event, for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventState)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventStatusResource {
    #[schema(value_type = Uuid)]
    event_id: EventId,
    event_name: String,
    #[schema(value_type = words::EventStatus)]
    status: EventStatus,
    total_tickets: u64,
    available_tickets: u64,
    held_tickets: u64,
    booked_tickets: u64,
    waitlist_length: u64,
    /// Waiting entries that ask for more tickets than `totalTickets` or `maxPerBooking` of their type allow.
    unservable_entries: u64,
    ticket_types: Vec<TicketTypeResource>,
    waitlist: Page<WaitingResource>,
}

impl EventStatusResource {
    /// Creates the response. `page` must have been read with `limit + 1` entries, so that it is known whether another page
    /// follows.
    pub(crate) fn new(page: EventStatusPage, limit: i64) -> Self {
        let EventStatusPage { event, unservable, waitlist } = page;
        let largest =
            |id: TicketTypeId| event.types.iter().find(|row| row.key.ticket_type == id).map(|row| row.stock.largest_party(row.terms));
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
                account: HolderResource { id: entry.holder.account, name: entry.holder.name, email: entry.holder.email },
                quantity: entry.quantity,
                servable: largest(entry.key.ticket_type).is_some_and(|largest| entry.quantity <= largest),
                joined_at: entry.joined_at,
            },
        );
        Self {
            event_id: event.event.id,
            event_name: event.event.name.clone(),
            status: event.event.status,
            total_tickets: totals.total,
            available_tickets: totals.available,
            held_tickets: totals.held,
            booked_tickets: totals.booked,
            waitlist_length: totals.waiting,
            unservable_entries: unservable.values().copied().map(u64::from).sum(),
            ticket_types: event.types.iter().map(|ticket_type| TicketTypeResource::for_admin(ticket_type, &unservable)).collect(),
            waitlist,
        }
    }
}

/// A booking with its holder, for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldBooking)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeldBookingResource {
    #[serde(flatten)]
    booking: BookingResource,
    account: HolderResource,
}

impl From<NamedBooking> for HeldBookingResource {
    fn from(row: NamedBooking) -> Self {
        let booking = BookingResource::from(&row);
        let holder = row.booking.holder;
        Self { booking, account: HolderResource { id: holder.account, name: holder.name, email: holder.email } }
    }
}
