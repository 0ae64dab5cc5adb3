//! A ticket type of an event.

use std::collections::HashMap;

use rowlock_domain::ids::TicketTypeId;
use rowlock_inventory::views::TicketType;
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
    pub(super) id: TicketTypeId,
    name: String,
    price: PriceResource,
    total_tickets: u32,
    /// Tickets that anyone can book now. Held tickets are not included.
    available_tickets: u32,
    /// Tickets of confirmed bookings.
    booked_tickets: u32,
    /// Tickets of bookings that are reserved and not yet confirmed.
    reserved_tickets: u32,
    waitlist_length: u32,
    max_per_booking: u32,
    /// Maximum number of tickets that one account may have booked, reserved and requested on the waiting list, taken together;
    /// null for no limit.
    #[schema(required)]
    max_per_account: Option<u32>,
    /// Returned tickets that are reserved for the waiting list. For administrators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    held_tickets: Option<u32>,
    /// Waiting entries whose `minQuantity` is larger than `totalTickets` or `maxPerBooking` allow, because these were lowered
    /// afterwards. They keep their positions and are skipped until the limits are raised. For administrators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) unservable_entries: Option<u32>,
}

impl TicketTypeResource {
    pub(super) fn with_held(ticket_type: &TicketType) -> Self {
        Self { held_tickets: Some(ticket_type.stock.held), ..Self::new(ticket_type) }
    }

    pub(super) fn for_admin(ticket_type: &TicketType, unservable: &HashMap<TicketTypeId, u32>) -> Self {
        let unservable = unservable.get(&ticket_type.key.ticket_type).copied().unwrap_or_default();
        Self { unservable_entries: Some(unservable), ..Self::with_held(ticket_type) }
    }

    pub(super) fn new(ticket_type: &TicketType) -> Self {
        let stock = &ticket_type.stock;
        Self {
            id: ticket_type.key.ticket_type,
            name: ticket_type.name.clone(),
            price: PriceResource { amount_minor: ticket_type.price_minor, currency: ticket_type.currency.clone() },
            total_tickets: stock.capacity,
            available_tickets: stock.available,
            booked_tickets: stock.booked,
            reserved_tickets: stock.reserved,
            waitlist_length: stock.waiting,
            max_per_booking: ticket_type.limits.max_per_booking,
            max_per_account: ticket_type.limits.max_per_account,
            held_tickets: None,
            unservable_entries: None,
        }
    }
}
