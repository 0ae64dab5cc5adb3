//! A waiting-list entry, as its holder sees it.

use rowlock_domain::Timestamp;
use rowlock_domain::chance::Chance;
use rowlock_domain::ids::{BookingId, EventId, TicketTypeId, WaitlistEntryId, WishId};
use rowlock_domain::states::WaitlistStatus;
use rowlock_http::openapi as enums;
use rowlock_inventory::views::NamedEntry;
use serde::Serialize;
use utoipa::ToSchema;

/// The range in which the chance of an entry lies, and what it was estimated from: the tickets that were returned in the past days,
/// the entries ahead, and the time that is left.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Chance)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChanceResource {
    /// Lower end of the range in percent: 1 or a multiple of 5.
    #[schema(minimum = 1, maximum = 95)]
    low: u8,
    /// Upper end of the range in percent: a multiple of 5 or 99.
    #[schema(minimum = 5, maximum = 99)]
    high: u8,
    /// Number of tickets that were returned in these days.
    returned_tickets: u32,
    /// Number of days whose returns were counted.
    #[schema(minimum = 3)]
    days: u32,
    /// Time until which returned tickets go to the waiting list.
    #[schema(value_type = DateTime)]
    until: Timestamp,
}

impl From<Chance> for ChanceResource {
    fn from(chance: Chance) -> Self {
        let Chance { low, high, returned_tickets, days, until } = chance;
        Self { low, high, returned_tickets, days, until }
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
    /// Number of tickets that the entry waits for. The booking of a promoted entry can have fewer, but not fewer than `minQuantity`.
    quantity: u32,
    /// The smallest number of tickets that the entry takes; equal to `quantity` if it takes all or none.
    min_quantity: u32,
    /// The number under which the entry is in the log of its queue; see `GET /api/events/{eventId}/queue-log`. Numbers are given out in the
    /// order of joining, and never twice.
    #[schema(minimum = 1)]
    number: i64,
    /// Position in the waiting list, from 1; null if the entry no longer waits.
    #[schema(required, minimum = 1)]
    position: Option<i64>,
    /// Estimated chance of getting tickets before the waiting list ends. It is present in `GET /api/waitlist` and `GET /api/live`, while
    /// the entry waits and the event has enough history; otherwise null.
    #[schema(required)]
    chance: Option<ChanceResource>,
    #[schema(value_type = enums::WaitlistStatus)]
    status: WaitlistStatus,
    #[schema(value_type = DateTime)]
    joined_at: Timestamp,
    /// The booking that the entry was promoted to; null if it was not promoted. While the booking is reserved, its tickets are
    /// offered to the holder, who must confirm it. If the holder declines, the status of the entry becomes `left`; if the time
    /// passes, `expired`.
    #[schema(value_type = Option<Uuid>, required)]
    booking_id: Option<BookingId>,
    /// The wish that the entry belongs to: entries for several ticket types of an event, of which the first that is promoted ends the
    /// others. Null if the entry stands alone.
    #[schema(value_type = Option<Uuid>, required)]
    wish_id: Option<WishId>,
    /// Rank of the ticket type in the order of preference of the wish, from 0; null if the entry stands alone.
    #[schema(required, minimum = 0, maximum = 9)]
    preference: Option<u16>,
}

impl From<&NamedEntry> for WaitlistEntryResource {
    fn from(row: &NamedEntry) -> Self {
        let entry = &row.entry;
        Self {
            id: entry.id,
            event_id: entry.key.event,
            event_name: row.event_name.clone(),
            ticket_type_id: entry.key.ticket_type,
            quantity: entry.size.quantity,
            min_quantity: entry.size.min_quantity,
            number: entry.number,
            position: row.position,
            chance: row.chance.map(ChanceResource::from),
            status: entry.status,
            joined_at: entry.joined_at,
            booking_id: entry.booking,
            wish_id: entry.wish.map(|place| place.id),
            preference: entry.wish.map(|place| place.preference),
        }
    }
}
