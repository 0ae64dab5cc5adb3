//! The results of commands, and the reasons why a command is not executed or has no result.

use std::collections::HashMap;

use chrono::TimeDelta;
use rowlock_domain::allocation::{BookRefusal, CapacityBelowBooked, ConfirmRefusal, ReturnRefusal, TransferTimeRefusal};
use rowlock_domain::ids::{BookingId, TicketTypeId, WaitlistEntryId};
use rowlock_domain::states::{EventStatus, TransferStatus};
use rowlock_postgres::DatabaseError;

use crate::event_times::TimeConflict;
use crate::views::{EventWithTypes, NamedBooking, NamedEntry, NamedTransfer};

/// The result of a command. Except for `Refused` and `Skipped`, it is committed by the time the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The tickets were booked or reserved.
    Booked(NamedBooking),
    /// The booking is confirmed, now or earlier. It is shown as it is now.
    Confirmed(NamedBooking),
    /// The request was put on the waiting list.
    Waitlisted(NamedEntry),
    /// The request was put on the waiting lists of several types. The entries are in the order of preference.
    WishWaitlisted(Vec<NamedEntry>),
    /// Tickets were returned, now or earlier. The booking is shown as it is now.
    Returned(NamedBooking),
    /// The entry is no longer waiting, since now or earlier.
    Left(NamedEntry),
    /// No entry of the wish is waiting any longer, since now or earlier. All its entries are in the order of preference.
    WishLeft(Vec<NamedEntry>),
    /// The waiting-list entry has the requested size. It is unchanged if it already had that size.
    EntryChanged(NamedEntry),
    /// All waiting entries of the wish have the requested size. They are in the order of preference.
    WishChanged(Vec<NamedEntry>),
    /// The event after the change.
    Changed(Box<ChangedEvent>),
    /// The event no longer exists.
    Deleted,
    /// Held tickets were reallocated, or what was still open was closed.
    Reallocated(ReallocationSummary),
    /// Reserved bookings whose time was over were ended.
    Expired(ExpirySummary),
    /// The tickets were offered.
    TransferOffered(NamedTransfer),
    /// The account has the offered tickets, since now or earlier.
    TransferAccepted(NamedTransfer),
    /// The transfer was withdrawn or declined, now or earlier.
    TransferEnded(NamedTransfer),
    /// The stored response to an identical earlier request.
    Replayed(RenderedResponse),
    /// The command cannot be executed. Nothing was changed.
    Refused(Refusal),
    /// Another transaction has locked a row that the command needs. Nothing was changed. Occurs only with `LockWait::Skip`.
    Skipped,
}

/// An event after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedEvent {
    /// The event as it is now.
    pub event: EventWithTypes,
    /// For each ticket type, the number of waiting entries whose minimum is above the number of tickets that one booking can have.
    pub unservable: HashMap<TicketTypeId, u32>,
}

/// The result of a reallocation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReallocationSummary {
    /// The number of entries that became bookings.
    pub promoted: u32,
    /// The number of tickets that became available.
    pub leftover: u32,
    /// The number of closed entries.
    pub closed: u32,
    /// The number of bookings that were cancelled with their event.
    pub cancelled: u32,
    /// True if there is more to do.
    pub unfinished: bool,
}

/// The result of ending reserved bookings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpirySummary {
    /// The number of ended bookings.
    pub expired: u32,
    /// The longest time by which one of them was ended after its time was over.
    pub longest_delay: TimeDelta,
    /// True if there may be more to end.
    pub unfinished: bool,
}

/// A response that is stored for repeated requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedResponse {
    /// The status code, 200 to 299.
    pub status: u16,
    /// The body, byte for byte.
    pub body: String,
    /// The value of the header `ETag`, if there is one.
    pub etag: Option<String>,
}

/// The reason why a command was not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The event does not exist.
    EventNotFound,
    /// The event has no such ticket type.
    TicketTypeNotFound(TicketTypeId),
    /// The event does not have these ticket types, which the change names.
    TicketTypesNotFound(Vec<TicketTypeId>),
    /// The event does not have these ticket types, which the wish names.
    WishedTypesNotFound(Vec<TicketTypeId>),
    /// The allocation rule rejects the request.
    Book(BookRefusal),
    /// The allocation rule rejects the wish because of these ticket types.
    Wish(Vec<(TicketTypeId, BookRefusal)>),
    /// The account already has this open entry for the ticket type.
    AlreadyWaiting(Box<NamedEntry>),
    /// The account has no such booking.
    BookingNotFound,
    /// More than one booking matches.
    AmbiguousBooking(Vec<BookingId>),
    /// The booking has fewer tickets than the request returns.
    MoreThanBooked {
        /// The number of tickets of the booking.
        booked: u32,
    },
    /// Too many tickets of the booking were checked in.
    CheckedIn {
        /// The number of tickets that were not, which can be returned.
        unused: u32,
    },
    /// The account has no such entry.
    EntryNotFound,
    /// More than one entry matches.
    AmbiguousEntry(Vec<WaitlistEntryId>),
    /// The requested minimum is above the quantity of the entry.
    MinQuantityAboveQuantity {
        /// The quantity of the entry, after the change.
        quantity: u32,
    },
    /// The entry has become this booking.
    AlreadyPromoted(BookingId),
    /// The idempotency key was used for a different request.
    KeyReused,
    /// The event has a different version from the expected one.
    VersionMismatch,
    /// The new capacity of the ticket type is below the number of booked and reserved tickets.
    CapacityBelowBooked(TicketTypeId, CapacityBelowBooked),
    /// The holder can no longer return tickets.
    Return(ReturnRefusal),
    /// The tickets cannot be transferred.
    Transfer(TransferRefusal),
    /// The booking can no longer be confirmed.
    Confirm(ConfirmRefusal),
    /// The change would end a waiting list that has entries or tickets held for them.
    WaitlistWouldClose {
        /// The number of entries that would be closed.
        entries: u32,
        /// The number of tickets that are held for them.
        held_tickets: u32,
    },
    /// The event does not allow the change in this status.
    WrongStatus(EventStatus),
    /// The event cannot be deleted or become a draft, because it has or had bookings or waiting-list entries.
    HasBookings(SalesHistory),
    /// The times of the event contradict each other.
    ConflictingTimes(Vec<TimeConflict>),
}

/// The reason why tickets cannot be transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferRefusal {
    /// The account has no such transfer, or the secret of the link is not that of the transfer.
    NotFound,
    /// The transfer was accepted by another account, withdrawn or declined, or has lapsed.
    Ended(TransferStatus),
    /// The account is the sender.
    Own,
    /// The booking is reserved.
    BookingReserved,
    /// The booking was cancelled or has expired.
    BookingCancelled,
    /// Too many tickets of the booking were checked in.
    CheckedIn {
        /// The number of tickets that were not, which can be transferred.
        unused: u32,
    },
    /// Other pending transfers promise the tickets.
    Promised {
        /// The number of tickets that are not promised.
        free: u32,
    },
    /// The booking was offered too often within a short time.
    TooManyOffers,
    /// The event has begun or is cancelled.
    Time(TransferTimeRefusal),
}

impl From<TransferRefusal> for Refusal {
    fn from(refusal: TransferRefusal) -> Self {
        Self::Transfer(refusal)
    }
}

/// The number of bookings and waiting-list entries that an event has ever had, each counted up to 1,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SalesHistory {
    /// The number of bookings, including cancelled ones.
    pub bookings: u32,
    /// The number of entries, including ended ones.
    pub entries: u32,
}

/// The reason why a command has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The database is unreachable. Nothing was changed.
    #[error("cannot reach the database: {0}")]
    Unavailable(String),
    /// A row stayed locked for too long, or all connections are in use. Nothing was changed.
    #[error("a row lock or a connection was not available in time: {0}")]
    Busy(String),
    /// The queue of commands is full. Nothing was changed.
    #[error("the queue of commands is full")]
    Overloaded,
    /// The COMMIT was sent, and it could not be determined whether it took effect.
    #[error("cannot determine whether the transaction committed: {0}")]
    Unknown(String),
    /// The database rejected the data of the command, which indicates a bug. Nothing was changed.
    #[error("the database rejected the command: {0}")]
    Failed(String),
}

impl From<DatabaseError> for CommandError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(reason) => Self::Unavailable(reason),
            DatabaseError::Busy(reason) => Self::Busy(reason),
            DatabaseError::OutcomeUnknown(reason) => Self::Unknown(reason),
            DatabaseError::Refused(error) => Self::Failed(error.to_string()),
        }
    }
}
