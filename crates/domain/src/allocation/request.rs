//! Requests that the allocation rule decides, its decisions, and the reasons for rejecting a request.

/// How firm a new booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commitment {
    /// The booking is confirmed at once, and its tickets are sold.
    Confirmed,
    /// The booking is reserved until its account confirms it, or until its time is over.
    Reserved,
}

/// A request to book tickets.
#[derive(Debug, Clone, Copy)]
pub struct BookRequest {
    /// The number of tickets.
    pub quantity: u32,
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
    /// All requested tickets were booked.
    Confirmed,
    /// All requested tickets were reserved.
    Reserved,
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

/// A request to change the quantity of a waiting entry.
#[derive(Debug, Clone, Copy)]
pub struct EntryChange {
    /// The current quantity of the entry.
    pub previous_quantity: u32,
    /// The requested quantity.
    pub quantity: u32,
    /// The account's booked, reserved and waiting tickets of this type, including this entry. It is used only if there is a limit
    /// per account.
    pub account_total: u32,
}

/// The result of changing the quantity of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryChangeResult {
    /// The quantity was the same, so nothing changed.
    Unchanged,
    /// The quantity was lowered, and the entry keeps its number.
    KeptPlace,
    /// The quantity was raised, and the entry moved to the end of the list.
    MovedToEnd {
        /// The new sequence number, which orders the list.
        number: i64,
        /// The new position in the queue, starting at 1.
        position: u32,
    },
}
