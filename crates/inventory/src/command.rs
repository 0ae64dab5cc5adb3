//! The commands of the booking system and their results.
//!
//! A command carries the ids of the rows that it may create. After a lost COMMIT response, the existence of these rows tells
//! whether the transaction committed. A command that cannot be executed has an outcome, not an error.

use std::collections::HashMap;

use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{BookRefusal, CapacityBelowBooked, ReturnRefusal};
use rowlock_domain::auditlog::Actor;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::states::{EventStatus, WaitlistUntil};
use rowlock_domain::text::{Description, IdempotencyKey, Title};
use rowlock_domain::trace::TraceContext;
use rowlock_domain::values::{AccountLimit, Capacity, Quantity};
use rowlock_postgres::DatabaseError;

use crate::views::{EventWithTypes, Holder, NamedBooking, NamedEntry};

/// A command with the trace context of its request, if that is traced.
#[derive(Debug, Clone)]
pub struct Traced {
    /// The command to execute.
    pub command: Command,
    /// The trace context for the messages that the command causes.
    pub trace: Option<TraceContext>,
}

/// A command with whatever the caller needs to respond to it.
pub trait Request: Send + Sync + 'static {
    /// Returns the command to execute.
    fn command(&self) -> &Command;
    /// Returns the trace context for the messages that the command causes.
    fn trace(&self) -> Option<TraceContext>;
}

impl Request for Traced {
    fn command(&self) -> &Command {
        &self.command
    }

    fn trace(&self) -> Option<TraceContext> {
        self.trace
    }
}

impl From<Command> for Traced {
    fn from(command: Command) -> Self {
        Self { command, trace: None }
    }
}

/// An operation that runs in a transaction.
#[derive(Debug, Clone)]
pub enum Command {
    /// Books tickets, or joins the waiting list.
    Book(Book),
    /// Returns all or some of the tickets of a booking.
    Cancel(Cancel),
    /// Leaves the waiting list.
    Leave(Leave),
    /// Changes the number of tickets that a waiting-list entry waits for.
    ChangeEntry(ChangeEntry),
    /// Changes an event, its terms or its capacities, or publishes, withdraws or cancels it.
    Change(Box<Change>),
    /// Deletes an event that has never had a booking or a waiting-list entry.
    Delete(Box<Delete>),
    /// Promotes waiting entries with held tickets. If the waiting list has ended or the event is cancelled, closes what is still
    /// open.
    Reallocate(Reallocate),
}

/// The idempotency key of a request. It is unique within its event and account.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The key that the client sent.
    pub key: IdempotencyKey,
    /// The SHA-256 of the request.
    pub request_hash: [u8; 32],
}

/// The administrator who acts for another person, and the reason. Both are recorded in the audit log.
#[derive(Debug, Clone)]
pub struct ByAdministrator {
    /// The administrator, with the request id.
    pub actor: Actor,
    /// The reason that the administrator gave.
    pub reason: Option<Title>,
}

/// The authority under which a booking is cancelled or an entry leaves a waiting list.
#[derive(Debug, Clone)]
pub enum Authority {
    /// The holder acts.
    Holder,
    /// The service acts, because the account of the holder was disabled or erased. Restrictions on cancellations by holders, such
    /// as a deadline, do not apply.
    ClosedAccount,
    /// An administrator acts. Administrators may act for any account.
    Administrator(Box<ByAdministrator>),
}

impl Authority {
    /// Returns the administrator who acts, if there is one.
    pub(crate) const fn administrator(&self) -> Option<&ByAdministrator> {
        match self {
            Self::Administrator(by) => Some(by),
            Self::Holder | Self::ClosedAccount => None,
        }
    }
}

/// A request to book tickets or to join the waiting list.
#[derive(Debug, Clone)]
pub struct Book {
    /// The ticket type to book.
    pub key: TypeKey,
    /// The person for whom the tickets are booked.
    pub holder: Holder,
    /// The number of tickets.
    pub quantity: Quantity,
    /// Whether to join the waiting list if there are not enough tickets.
    pub join_waitlist: bool,
    /// The id of the booking, if one is created.
    pub booking: BookingId,
    /// The id of the waiting-list entry, if one is created.
    pub entry: WaitlistEntryId,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
    /// The administrator who books, if the holder is a guest without an account. The idempotency key then belongs to the
    /// administrator.
    pub for_guest: Option<Box<ByAdministrator>>,
}

/// The booking or waiting-list entry of an account that a command refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<Id> {
    /// The one with this id, of this ticket type.
    One(Id, TicketTypeId),
    /// The only one that the account has at the event. If the event has a single ticket type, the value is its id, so that the
    /// command locks only one row.
    OnlyOne(Option<TicketTypeId>),
}

/// A request to return all or some of the tickets of a booking.
#[derive(Debug, Clone)]
pub struct Cancel {
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

/// A request to leave the waiting list.
#[derive(Debug, Clone)]
pub struct Leave {
    /// The event.
    pub event: EventId,
    /// The account that waits.
    pub account: AccountId,
    /// The entry to end.
    pub target: Target<WaitlistEntryId>,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
    /// The authority under which the command runs. The idempotency key belongs to the person who acts.
    pub authority: Authority,
}

/// A request to change the number of tickets that a waiting-list entry waits for.
#[derive(Debug, Clone)]
pub struct ChangeEntry {
    /// The event.
    pub event: EventId,
    /// The account that waits.
    pub account: AccountId,
    /// The entry to change.
    pub target: Target<WaitlistEntryId>,
    /// The new quantity.
    pub quantity: Quantity,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
}

/// A change of an event by an administrator. Fields that are `None` leave their values unchanged.
#[derive(Debug, Clone)]
pub struct Change {
    /// The event.
    pub event: EventId,
    /// The version that the event must have, if the administrator sent a precondition.
    pub expected_version: Option<i64>,
    /// The new name.
    pub name: Option<Title>,
    /// The new description. The inner `None` removes it.
    pub description: Option<Option<Description>>,
    /// The new venue. The inner `None` removes it.
    pub venue: Option<Option<Title>>,
    /// The new start of the event. The inner `None` removes it.
    pub starts_at: Option<Option<Timestamp>>,
    /// The new end of the event. The inner `None` removes it.
    pub ends_at: Option<Option<Timestamp>>,
    /// The new start of sales. The inner `None` removes it.
    pub sales_start_at: Option<Option<Timestamp>>,
    /// The new end of sales. The inner `None` removes it.
    pub sales_end_at: Option<Option<Timestamp>>,
    /// The new rule for the end of the waiting list.
    pub waitlist_until: Option<WaitlistUntil>,
    /// The new cancellation deadline. The inner `None` removes it.
    pub cancel_until: Option<Option<Timestamp>>,
    /// Whether the change may end a waiting list that has entries. Otherwise such a change is rejected.
    pub close_waitlist: bool,
    /// The transition of the status.
    pub step: Option<Step>,
    /// The changes of ticket types.
    pub types: Vec<TypeChange>,
    /// The administrator, for the audit log.
    pub actor: Option<Actor>,
    /// The idempotency key, if the client sent one. It belongs to the actor.
    pub idempotency: Option<Idempotency>,
}

impl Change {
    /// Returns a change of the event that leaves everything unchanged.
    pub const fn of(event: EventId) -> Self {
        Self {
            event,
            expected_version: None,
            name: None,
            description: None,
            venue: None,
            starts_at: None,
            ends_at: None,
            sales_start_at: None,
            sales_end_at: None,
            waitlist_until: None,
            cancel_until: None,
            close_waitlist: false,
            step: None,
            types: Vec::new(),
            actor: None,
            idempotency: None,
        }
    }
}

impl Change {
    /// Returns whether the change may move the end of the waiting list.
    pub(crate) const fn moves_waitlist_end(&self) -> bool {
        self.starts_at.is_some() || self.sales_end_at.is_some() || self.waitlist_until.is_some()
    }

    /// Returns whether the change affects nothing but name, description and venue.
    pub(crate) const fn is_text_only(&self) -> bool {
        let times = self.ends_at.is_some() || self.sales_start_at.is_some() || self.cancel_until.is_some() || self.moves_waitlist_end();
        !times && self.step.is_none() && self.types.is_empty()
    }
}

/// A transition of the status of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Publishes the event.
    Publish,
    /// Makes the event a draft again, if it has never had a booking or a waiting-list entry.
    Unpublish,
    /// Cancels the event.
    Cancel,
}

/// A request to delete an event and its ticket types, if it has never had a booking or a waiting-list entry.
#[derive(Debug, Clone)]
pub struct Delete {
    /// The event.
    pub event: EventId,
    /// The version that the event must have, if the administrator sent a precondition.
    pub expected_version: Option<i64>,
    /// The administrator, for the audit log.
    pub actor: Actor,
}

/// A change of a ticket type. Fields that are `None` leave their values unchanged.
#[derive(Debug, Clone)]
pub struct TypeChange {
    /// The ticket type.
    pub id: TicketTypeId,
    /// The new name.
    pub name: Option<Title>,
    /// The new total number of tickets.
    pub capacity: Option<Capacity>,
    /// The new largest quantity of one booking.
    pub max_per_booking: Option<Quantity>,
    /// The new maximum number of tickets per account. The inner `None` removes the limit. Existing bookings and entries are not
    /// affected.
    pub max_per_account: Option<Option<AccountLimit>>,
}

/// A request to run an allocation pass.
#[derive(Debug, Clone, Copy)]
pub struct Reallocate {
    /// The ticket type.
    pub key: TypeKey,
    /// The maximum number of promotions in this transaction, and likewise of closed entries and of cancelled bookings.
    pub limit: usize,
}

impl Command {
    /// Returns the event, by which commands are ordered and partitioned.
    pub const fn event(&self) -> EventId {
        match self {
            Self::Book(book) => book.key.event,
            Self::Cancel(cancel) => cancel.event,
            Self::Leave(leave) => leave.event,
            Self::ChangeEntry(change) => change.event,
            Self::Change(change) => change.event,
            Self::Delete(delete) => delete.event,
            Self::Reallocate(reallocate) => reallocate.key.event,
        }
    }

    /// Returns the only ticket type that the command concerns, or `None` if it concerns all types of its event.
    pub const fn only_type(&self) -> Option<TypeKey> {
        let event = self.event();
        let ticket_type = match self {
            Self::Book(book) => return Some(book.key),
            Self::Reallocate(reallocate) => return Some(reallocate.key),
            Self::Cancel(cancel) => match cancel.target {
                Target::One(_, ticket_type) | Target::OnlyOne(Some(ticket_type)) => ticket_type,
                Target::OnlyOne(None) => return None,
            },
            Self::Leave(leave) => match leave.target {
                Target::One(_, ticket_type) | Target::OnlyOne(Some(ticket_type)) => ticket_type,
                Target::OnlyOne(None) => return None,
            },
            Self::ChangeEntry(change) => match change.target {
                Target::One(_, ticket_type) | Target::OnlyOne(Some(ticket_type)) => ticket_type,
                Target::OnlyOne(None) => return None,
            },
            Self::Change(_) | Self::Delete(_) => return None,
        };
        Some(TypeKey { event, ticket_type })
    }

    /// Returns the account to which the idempotency key belongs, the operation and the key. Returns `None` if the command has no
    /// key or if its actor is not an account, which cannot occur for commands with a key.
    pub(crate) fn idempotency(&self) -> Option<(AccountId, &'static str, &Idempotency)> {
        let (account, by, [own, for_others], idempotency) = match self {
            Self::Book(book) => (book.holder.account, book.for_guest.as_deref(), ["book", "admin-book"], &book.idempotency),
            Self::Cancel(cancel) => (cancel.account, cancel.authority.administrator(), ["cancel", "admin-cancel"], &cancel.idempotency),
            Self::Leave(leave) => (leave.account, leave.authority.administrator(), ["leave", "admin-remove"], &leave.idempotency),
            Self::ChangeEntry(change) => (change.account, None, ["change"; 2], &change.idempotency),
            Self::Change(change) => {
                let operation = if change.step == Some(Step::Cancel) { "cancel-event" } else { "change-event" };
                return Some((change.actor.as_ref()?.account_id?, operation, change.idempotency.as_ref()?));
            }
            Self::Delete(_) | Self::Reallocate(_) => return None,
        };
        let idempotency = idempotency.as_ref()?;
        match by {
            None => Some((account, own, idempotency)),
            Some(by) => Some((by.actor.account_id?, for_others, idempotency)),
        }
    }
}

/// The result of a command. Except for `Refused` and `Skipped`, it is committed by the time the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The tickets were booked.
    Booked(NamedBooking),
    /// The request was put on the waiting list.
    Waitlisted(NamedEntry),
    /// Tickets were returned, now or earlier. The booking is shown as it is now.
    Returned(NamedBooking),
    /// The entry is no longer waiting, since now or earlier.
    Left(NamedEntry),
    /// The waiting-list entry has the requested quantity. It is unchanged if it already had that quantity.
    EntryChanged(NamedEntry),
    /// The event after the change.
    Changed(Box<ChangedEvent>),
    /// The event no longer exists.
    Deleted,
    /// Held tickets were reallocated, or what was still open was closed.
    Reallocated(Reallocated),
    /// The stored response to an identical earlier request.
    Replayed(Answer),
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
    /// For each ticket type, the number of waiting entries that want more tickets than one booking can have.
    pub unservable: HashMap<TicketTypeId, u32>,
}

/// The result of a reallocation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reallocated {
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

/// A response that is stored for repeated requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
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
    /// The allocation rule rejects the request.
    Book(BookRefusal),
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
    /// The account has no such entry.
    EntryNotFound,
    /// More than one entry matches.
    AmbiguousEntry(Vec<WaitlistEntryId>),
    /// The entry has become this booking.
    AlreadyPromoted(BookingId),
    /// The idempotency key was used for a different request.
    KeyReused,
    /// The event has a different version from the expected one.
    VersionMismatch,
    /// The new capacity of the ticket type is below the number of booked tickets.
    CapacityBelowBooked(TicketTypeId, CapacityBelowBooked),
    /// The holder can no longer return tickets.
    Return(ReturnRefusal),
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
    HasBookings(EverSold),
    /// The times of the event contradict each other.
    TimesOutOfOrder(Vec<OutOfOrder>),
}

/// The number of bookings and waiting-list entries that an event has ever had, each counted up to 1,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EverSold {
    /// The number of bookings, including cancelled ones.
    pub bookings: u32,
    /// The number of entries, including ended ones.
    pub entries: u32,
}

/// A time that contradicts another time of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfOrder {
    /// The name of the field.
    pub field: &'static str,
    /// A description of what is wrong with it.
    pub reason: &'static str,
}

/// The reason why a command has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The database is unreachable. Nothing was changed.
    #[error("the database is away: {0}")]
    Unavailable(String),
    /// A row stayed locked for too long, or all connections are in use. Nothing was changed.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The queue of commands is full. Nothing was changed.
    #[error("too many commands wait")]
    Overloaded,
    /// The COMMIT was sent, and it could not be determined whether it took effect.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
    /// The database rejected the data of the command, which indicates a bug. Nothing was changed.
    #[error("the database refused: {0}")]
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
