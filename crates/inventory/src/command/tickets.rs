//! Commands that move tickets: bookings, returns, changes of the waiting list, and reallocations.

use rowlock_domain::allocation::PartySize;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::values::Quantity;

use super::actor::{Authority, ByAdministrator, Idempotency};
use crate::views::Holder;

/// A request to book tickets or to join the waiting list.
#[derive(Debug, Clone)]
pub struct Book {
    /// The ticket type to book.
    pub key: TypeKey,
    /// The person for whom the tickets are booked.
    pub holder: Holder,
    /// The number of tickets.
    pub quantity: Quantity,
    /// The smallest number of tickets that the holder takes, at most `quantity`. `None` means all or none.
    pub min_quantity: Option<Quantity>,
    /// Whether to join the waiting list if there are not enough tickets.
    pub join_waitlist: bool,
    /// The id of the booking, if one is created.
    pub booking: BookingId,
    /// The id of the waiting-list entry, if one is created.
    pub entry: WaitlistEntryId,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
    /// The administrator who books, if it is not the holder. The idempotency key then belongs to the administrator.
    pub administrator: Option<Box<ByAdministrator>>,
    /// Whether the holder is a guest without an account, for whom only an administrator can book.
    pub for_guest: bool,
}

impl Book {
    /// Returns how many tickets are wanted.
    pub fn size(&self) -> PartySize {
        let quantity = self.quantity.get();
        PartySize { quantity, min_quantity: self.min_quantity.map_or(quantity, |min| min.get().min(quantity)) }
    }
}

/// The booking or waiting-list entry of an account that a command refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<Id> {
    /// The one with this id, of this ticket type.
    ById(Id, TicketTypeId),
    /// The only one that the account has at the event. If the event has a single ticket type, the value is its id, so that the
    /// command locks only one row.
    OnlyAtEvent(Option<TicketTypeId>),
}

/// A request to return all or some of the tickets of a booking.
#[derive(Debug, Clone)]
pub struct CancelBooking {
    /// The event.
    pub event: EventId,
    /// The account that holds the booking.
    pub account: AccountId,
    /// The booking to cancel or reduce.
    pub target: Target<BookingId>,
    /// The number of tickets to return. `None` returns all.
    pub quantity: Option<Quantity>,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
    /// The authority under which the command runs. The idempotency key belongs to the person who acts.
    pub authority: Authority,
}

/// A request to confirm a reserved booking.
#[derive(Debug, Clone)]
pub struct ConfirmBooking {
    /// The ticket type of the booking.
    pub key: TypeKey,
    /// The account that holds the booking.
    pub account: AccountId,
    /// The booking to confirm.
    pub booking: BookingId,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
}

/// A request to end the reserved bookings of a ticket type whose time is over.
#[derive(Debug, Clone, Copy)]
pub struct ExpireReservations {
    /// The ticket type.
    pub key: TypeKey,
    /// The maximum number of bookings to end in this transaction.
    pub limit: usize,
}

/// A request to leave the waiting list.
#[derive(Debug, Clone)]
pub struct LeaveWaitlist {
    /// The event.
    pub event: EventId,
    /// The account that waits.
    pub account: AccountId,
    /// The entry to end.
    pub target: Target<WaitlistEntryId>,
    /// Whether the other entries of its wish end with it, if it belongs to one.
    pub whole_wish: bool,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
    /// The authority under which the command runs. The idempotency key belongs to the person who acts.
    pub authority: Authority,
}

/// A request to change the number of tickets that a waiting-list entry waits for, or the smallest number that it takes. If the entry
/// belongs to a wish, the other entries of the wish change with it.
#[derive(Debug, Clone)]
pub struct ChangeEntry {
    /// The event.
    pub event: EventId,
    /// The account that waits.
    pub account: AccountId,
    /// The entry to change.
    pub target: Target<WaitlistEntryId>,
    /// The new quantity. `None` leaves it unchanged.
    pub quantity: Option<Quantity>,
    /// The new minimum. `None` leaves it unchanged, except that it follows the quantity of an entry that takes all or none, and that it
    /// is lowered to the quantity if necessary.
    pub min_quantity: Option<Quantity>,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
}

/// A request to run an allocation pass.
#[derive(Debug, Clone, Copy)]
pub struct Reallocate {
    /// The ticket type.
    pub key: TypeKey,
    /// The maximum number of promotions in this transaction, and likewise of closed entries and of cancelled bookings.
    pub limit: usize,
}
