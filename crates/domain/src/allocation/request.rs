//! Requests that the allocation rule decides, its decisions, and the reasons for rejecting a request.

/// How firm a new booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commitment {
    /// The booking is confirmed at once, and its tickets are sold.
    Confirmed,
    /// The booking is reserved until its account confirms it, or until its time is over.
    Reserved,
}

/// The number of tickets that a request or a waiting entry wants, and the smallest number that it takes.
///
/// ```
/// use rowlock_domain::allocation::PartySize;
///
/// let four_or_fewer = PartySize { quantity: 4, min_quantity: 2 };
/// assert_eq!([1, 2, 3, 9].map(|room| four_or_fewer.given(room)), [None, Some(2), Some(3), Some(4)]);
/// assert_eq!([3, 4].map(|room| PartySize::all_or_none(4).given(room)), [None, Some(4)]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartySize {
    /// The number of tickets that is asked for.
    pub quantity: u32,
    /// The smallest number of tickets that is taken, from 1 to `quantity`.
    pub min_quantity: u32,
}

impl PartySize {
    /// Returns the size of a party that takes all its tickets or none.
    pub const fn all_or_none(quantity: u32) -> Self {
        Self { quantity, min_quantity: quantity }
    }

    /// Returns the minimum if it is lower than the quantity, and `None` for a party that takes all its tickets or none.
    pub fn lower_minimum(self) -> Option<u32> {
        (self.min_quantity < self.quantity).then_some(self.min_quantity)
    }

    /// Returns how many of `room` tickets the party gets, or `None` if there are fewer than its minimum.
    pub fn given(self, room: u32) -> Option<u32> {
        (room >= self.min_quantity).then(|| self.quantity.min(room))
    }

    /// Returns the size after a change, where `None` leaves a value out. If the minimum is left out, it follows the quantity of a
    /// party that takes all or none, and is otherwise lowered to the quantity if necessary. A given minimum is not checked.
    #[must_use]
    pub fn changed(self, quantity: Option<u32>, min_quantity: Option<u32>) -> Self {
        let wanted = quantity.unwrap_or(self.quantity);
        let kept = if self.min_quantity == self.quantity { wanted } else { self.min_quantity.min(wanted) };
        Self { quantity: wanted, min_quantity: min_quantity.unwrap_or(kept) }
    }
}

/// A request to book tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookRequest {
    /// The number of tickets. Fewer are booked only if there are not more and the minimum allows it.
    pub size: PartySize,
    /// Whether the booking is confirmed at once or reserved.
    pub commitment: Commitment,
    /// Whether to join the waiting list if there are not enough tickets.
    pub join_waitlist: bool,
    /// The account's booked, reserved and waiting tickets of this type. It is used only if there is a limit per account.
    pub account_total: u32,
    /// Whether the account has an open waiting-list entry for this type. It is used only if the request has to wait.
    pub already_waiting: bool,
}

/// The result of a booking request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingDecision {
    /// Tickets were booked.
    Confirmed {
        /// Their number, which is at least the minimum and at most the quantity of the request.
        quantity: u32,
    },
    /// Tickets were reserved.
    Reserved {
        /// Their number, which is at least the minimum and at most the quantity of the request.
        quantity: u32,
    },
    /// The request was put on the waiting list.
    Waitlisted {
        /// The sequence number that orders the list.
        number: i64,
        /// The position in the queue, starting at 1.
        position: u32,
    },
}

/// The reason why a booking request was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BookRefusal {
    /// The event is a draft.
    #[error("there is no such event")]
    NotPublic,
    /// The event is cancelled.
    #[error("the event is cancelled")]
    EventCancelled,
    /// The current time is outside the sales window.
    #[error("sales are closed")]
    SalesClosed,
    /// The quantity is above the limit per booking.
    #[error("a booking may have at most {max} tickets")]
    QuantityTooLarge {
        /// The limit of the ticket type.
        max: u32,
    },
    /// The quantity is above the capacity of the ticket type, so the request could never be fulfilled.
    #[error("there are {total} tickets of this type")]
    QuantityAboveTotal {
        /// The capacity of the ticket type.
        total: u32,
    },
    /// The account would exceed the limit per account.
    #[error("an account may have at most {max} tickets, booked and waited for together")]
    AccountLimit {
        /// The limit of the ticket type.
        max: u32,
    },
    /// There are not enough tickets, and the request does not allow waiting or the waiting list has ended.
    #[error("there are not enough tickets")]
    SoldOut,
    /// The account already has an open waiting-list entry for the ticket type.
    #[error("the account is already on the waiting list of this ticket type")]
    AlreadyWaiting,
}

/// A request to change the size of a waiting entry.
#[derive(Debug, Clone, Copy)]
pub struct EntryChange {
    /// The current size of the entry.
    pub previous: PartySize,
    /// The requested size.
    pub size: PartySize,
    /// The account's booked, reserved and waiting tickets of this type, including this entry. It is used only if there is a limit
    /// per account.
    pub account_total: u32,
}

/// The result of changing the size of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryChangeResult {
    /// The size was the same, so nothing changed.
    Unchanged,
    /// The quantity was lowered, or only the minimum was changed, and the entry keeps its number.
    KeptPlace,
    /// The quantity was raised, and the entry moved to the end of the list.
    MovedToEnd {
        /// The new sequence number, which orders the list.
        number: i64,
        /// The new position in the queue, starting at 1.
        position: u32,
    },
}
