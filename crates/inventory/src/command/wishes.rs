//! Requests for tickets of one of several types.

use rowlock_domain::ids::{BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId, WishId};
use rowlock_domain::values::Quantity;

use super::actor::Idempotency;
use super::tickets::Book;
use crate::views::Holder;

/// A ticket type of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WishedType {
    /// The ticket type.
    pub id: TicketTypeId,
    /// The id of the waiting-list entry for this type, if one is created.
    pub entry: WaitlistEntryId,
}

/// A request to book tickets of one of several types of an event, or to join the waiting lists of all of them.
#[derive(Debug, Clone)]
pub struct BookWish {
    /// The event.
    pub event: EventId,
    /// The id of the wish, if it has to wait.
    pub wish: WishId,
    /// The ticket types in the order of preference. They are distinct.
    pub types: Vec<WishedType>,
    /// The person for whom the tickets are booked.
    pub holder: Holder,
    /// The number of tickets, whichever type they are of.
    pub quantity: Quantity,
    /// The smallest number of tickets that the holder takes, at most `quantity`. `None` means all or none.
    pub min_quantity: Option<Quantity>,
    /// Whether to join the waiting lists if no type has enough tickets.
    pub join_waitlist: bool,
    /// The id of the booking, if one is created.
    pub booking: BookingId,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
}

impl BookWish {
    /// Returns the keys of the ticket types.
    pub(crate) fn keys(&self) -> impl Iterator<Item = TypeKey> {
        self.types.iter().map(|wished| TypeKey { event: self.event, ticket_type: wished.id })
    }

    /// Returns the request as if it were for one of the types alone.
    pub(crate) fn for_type(&self, WishedType { id, entry }: WishedType) -> Book {
        Book {
            key: TypeKey { event: self.event, ticket_type: id },
            holder: self.holder.clone(),
            quantity: self.quantity,
            min_quantity: self.min_quantity,
            join_waitlist: self.join_waitlist,
            booking: self.booking,
            entry,
            idempotency: None,
            administrator: None,
            for_guest: false,
        }
    }
}
