//! What can be asked of the box office, and what it answers.
//!
//! A command carries the ids of what it may make, so that after a lost COMMIT answer their existence tells the truth.
//! A command that cannot be done is an outcome, not an error.

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

/// A command with the trace that it belongs to, if it is traced.
#[derive(Debug, Clone)]
pub struct Traced {
    /// What is to be done.
    pub command: Command,
    /// The messages that tell of it belong to this trace.
    pub trace: Option<TraceContext>,
}

/// Whoever wants a command done.
pub trait Request: Send + Sync + 'static {
    /// What is to be done.
    fn command(&self) -> &Command;
    /// The trace that the messages about it belong to.
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

/// Something to be done in a transaction.
#[derive(Debug, Clone)]
pub enum Command {
    /// Book, or join the waiting list.
    Book(Book),
    /// Give a booking or a part of it back.
    Cancel(Cancel),
    /// Leave the waiting list.
    Leave(Leave),
    /// Change how many tickets a waiting-list entry waits for.
    ChangeEntry(ChangeEntry),
    /// Change an event, its terms or its capacities, publish or cancel it.
    Change(Box<Change>),
    /// Delete an event that nobody has ever booked or waited for.
    Delete(Box<Delete>),
    /// Hand held tickets on; for an event that has begun or is cancelled, close what is open.
    Reallocate(Reallocate),
}

/// What makes a request repeatable, within its event and account.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The client's key.
    pub key: IdempotencyKey,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
}

/// The administrator who acts for another person, and the reason. Both go to the audit log.
#[derive(Debug, Clone)]
pub struct ByAdministrator {
    /// The administrator, with the request.
    pub actor: Actor,
    /// The reason that the administrator gave.
    pub reason: Option<Title>,
}

/// On whose authority a booking is cancelled or an entry leaves a waiting list.
#[derive(Debug, Clone)]
pub enum Authority {
    /// The holder's own.
    Holder,
    /// The service's, because the holder's account was disabled or erased. What keeps holders from cancelling, such as a
    /// deadline, does not apply.
    ClosedAccount,
    /// An administrator's, who may act for any account.
    Administrator(Box<ByAdministrator>),
}

impl Authority {
    /// The administrator who acts, if one does.
    pub(crate) const fn administrator(&self) -> Option<&ByAdministrator> {
        match self {
            Self::Administrator(by) => Some(by),
            Self::Holder | Self::ClosedAccount => None,
        }
    }
}

/// Book, or join the waiting list.
#[derive(Debug, Clone)]
pub struct Book {
    /// What to book.
    pub key: TypeKey,
    /// For whom.
    pub holder: Holder,
    /// How many tickets.
    pub quantity: Quantity,
    /// Whether to wait when there are not enough.
    pub join_waitlist: bool,
    /// The id of the booking, if one is made.
    pub booking: BookingId,
    /// The id of the entry, if one is made.
    pub entry: WaitlistEntryId,
    /// What makes the request repeatable.
    pub idempotency: Option<Idempotency>,
    /// The administrator who books, if the holder is a guest without an account. The key then belongs to the administrator.
    pub for_guest: Option<Box<ByAdministrator>>,
}

/// Which of an account's bookings or entries is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<Id> {
    /// This one, of this ticket type.
    One(Id, TicketTypeId),
    /// The only one at the event. Told is the event's ticket type if it has only one: then its row alone is wanted.
    OnlyOne(Option<TicketTypeId>),
}

/// Give a booking or a part of it back.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// The event.
    pub event: EventId,
    /// Whose booking.
    pub account: AccountId,
    /// Which booking.
    pub target: Target<BookingId>,
    /// How many tickets; all unless told.
    pub quantity: Option<Quantity>,
    /// What makes the request repeatable.
    pub idempotency: Option<Idempotency>,
    /// On whose authority. The key belongs to whoever that is.
    pub authority: Authority,
}

/// Leave the waiting list.
#[derive(Debug, Clone)]
pub struct Leave {
    /// The event.
    pub event: EventId,
    /// Whose entry.
    pub account: AccountId,
    /// Which entry.
    pub target: Target<WaitlistEntryId>,
    /// What makes the request repeatable.
    pub idempotency: Option<Idempotency>,
    /// On whose authority. The key belongs to whoever that is.
    pub authority: Authority,
}

/// Change how many tickets a waiting-list entry waits for.
#[derive(Debug, Clone)]
pub struct ChangeEntry {
    /// The event.
    pub event: EventId,
    /// The account that the entry belongs to.
    pub account: AccountId,
    /// Which entry.
    pub target: Target<WaitlistEntryId>,
    /// The new quantity.
    pub quantity: Quantity,
    /// What makes the request repeatable.
    pub idempotency: Option<Idempotency>,
}

/// A change of an event by an administrator. What is `None` stays as it is.
#[derive(Debug, Clone)]
pub struct Change {
    /// The event.
    pub event: EventId,
    /// The version that the administrator saw, if they care.
    pub expected_version: Option<i64>,
    /// A new name.
    pub name: Option<Title>,
    /// A new description, or none.
    pub description: Option<Option<Description>>,
    /// A new venue, or none.
    pub venue: Option<Option<Title>>,
    /// New times.
    pub starts_at: Option<Option<Timestamp>>,
    /// New times.
    pub ends_at: Option<Option<Timestamp>>,
    /// New times.
    pub sales_start_at: Option<Option<Timestamp>>,
    /// New times.
    pub sales_end_at: Option<Option<Timestamp>>,
    /// What ends the waiting list from now on.
    pub waitlist_until: Option<WaitlistUntil>,
    /// A new cancellation deadline, or none.
    pub cancel_until: Option<Option<Timestamp>>,
    /// Accepts that the change ends a waiting list which has entries; without it such a change is refused.
    pub close_waitlist: bool,
    /// A step of the event's state.
    pub step: Option<Step>,
    /// Changes of ticket types.
    pub types: Vec<TypeChange>,
    /// Who wants it, for the audit log.
    pub actor: Option<Actor>,
    /// What makes the request repeatable. The key belongs to the actor.
    pub idempotency: Option<Idempotency>,
}

impl Change {
    /// A change of nothing, to be filled in.
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
    /// Whether the change may move the end of the waiting list.
    pub(crate) const fn moves_waitlist_end(&self) -> bool {
        self.starts_at.is_some() || self.sales_end_at.is_some() || self.waitlist_until.is_some()
    }

    /// Whether nothing but name, description and venue is changed.
    pub(crate) const fn is_text_only(&self) -> bool {
        let times = self.ends_at.is_some() || self.sales_start_at.is_some() || self.cancel_until.is_some() || self.moves_waitlist_end();
        !times && self.step.is_none() && self.types.is_empty()
    }
}

/// A step of an event's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Make it public.
    Publish,
    /// Make it a draft again, if nobody has ever booked or waited.
    Unpublish,
    /// Call it off.
    Cancel,
}

/// Delete an event with its ticket types, if nobody has ever booked or waited for it.
#[derive(Debug, Clone)]
pub struct Delete {
    /// The event.
    pub event: EventId,
    /// The version that the administrator saw, if they care.
    pub expected_version: Option<i64>,
    /// Who wants it, for the audit log.
    pub actor: Actor,
}

/// A change of a ticket type. What is `None` stays as it is.
#[derive(Debug, Clone)]
pub struct TypeChange {
    /// The type.
    pub id: TicketTypeId,
    /// A new name.
    pub name: Option<Title>,
    /// How many tickets there are from now on.
    pub capacity: Option<Capacity>,
    /// The largest quantity of one booking.
    pub max_per_booking: Option<Quantity>,
    /// The most one account may have; the inner `None` lifts the limit. What exists is never touched.
    pub max_per_account: Option<Option<AccountLimit>>,
}

/// Hand held tickets on.
#[derive(Debug, Clone, Copy)]
pub struct Reallocate {
    /// The ticket type.
    pub key: TypeKey,
    /// Most promotions, closings and cancellations in this transaction.
    pub limit: usize,
}

impl Command {
    /// The event, which is what commands are kept in order by.
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

    /// The one type that the command is about, or none if it concerns all types of its event.
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

    /// The scope and the key of a repeatable request: the account that sent it, the operation and the key. An administrator
    /// without an account has no scope; none can send such a command.
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

/// What came of a command. Everything but a refusal and a skip is committed when it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Sold.
    Booked(NamedBooking),
    /// Put on the waiting list.
    Waitlisted(NamedEntry),
    /// Given back, whole or in part, now or before.
    Returned(NamedBooking),
    /// No longer waiting, since now or before.
    Left(NamedEntry),
    /// A waiting-list entry after its quantity was changed, or was the same already.
    EntryChanged(NamedEntry),
    /// The event as it is now.
    Changed(Box<ChangedEvent>),
    /// The event no longer exists.
    Deleted,
    /// Held tickets were handed on, or what was open was closed.
    Reallocated(Reallocated),
    /// The answer that the same request got before.
    Replayed(Answer),
    /// Not possible; nothing was changed.
    Refused(Refusal),
    /// A row that the command needs is locked by somebody else; nothing was changed. Only with `LockWait::Skip`.
    Skipped,
}

/// An event after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedEvent {
    /// The event as it is now.
    pub event: EventWithTypes,
    /// For each ticket type, how many waiting entries ask for more tickets than one booking of it can have.
    pub unservable: HashMap<TicketTypeId, u32>,
}

/// What a reallocation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reallocated {
    /// Entries that became bookings.
    pub promoted: u32,
    /// Tickets that became available.
    pub leftover: u32,
    /// Entries that were closed.
    pub closed: u32,
    /// Bookings that were cancelled with their event.
    pub cancelled: u32,
    /// There is more to do.
    pub unfinished: bool,
}

/// An answer as it is kept for a repeated request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status, 200 to 299.
    pub status: u16,
    /// Its body, to the letter.
    pub body: String,
    /// Its header `ETag`, if it has one.
    pub etag: Option<String>,
}

/// Why a command was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such event.
    EventNotFound,
    /// The event has no such ticket type.
    TicketTypeNotFound(TicketTypeId),
    /// The event has not all the ticket types that a change names: these it has not.
    TicketTypesNotFound(Vec<TicketTypeId>),
    /// The rule says no.
    Book(BookRefusal),
    /// The account already has this open entry for the ticket type.
    AlreadyWaiting(Box<NamedEntry>),
    /// No such booking of this account.
    BookingNotFound,
    /// Several bookings match.
    AmbiguousBooking(Vec<BookingId>),
    /// More tickets than the booking has.
    MoreThanBooked {
        /// What it has.
        booked: u32,
    },
    /// No such entry of this account.
    EntryNotFound,
    /// Several entries match.
    AmbiguousEntry(Vec<WaitlistEntryId>),
    /// The entry has become a booking.
    AlreadyPromoted(BookingId),
    /// The key was used for another request.
    KeyReused,
    /// The event has changed since it was read.
    VersionMismatch,
    /// Fewer tickets than are booked.
    CapacityBelowBooked(TicketTypeId, CapacityBelowBooked),
    /// The holder cannot return tickets any more.
    Return(ReturnRefusal),
    /// The change would end a waiting list that has entries or tickets held for them.
    WaitlistWouldClose {
        /// How many entries would be closed.
        entries: u32,
        /// How many tickets are held for them.
        held_tickets: u32,
    },
    /// The event does not allow the change in this state.
    WrongStatus(EventStatus),
    /// The event cannot be deleted or become a draft, because somebody has booked or waited, even if nothing of it is left.
    HasBookings(EverSold),
    /// The times do not follow each other.
    TimesOutOfOrder(Vec<OutOfOrder>),
}

/// How many bookings and waiting-list entries an event has ever had, whatever became of them. Each is counted up to 1,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EverSold {
    /// Bookings, cancelled ones included.
    pub bookings: u32,
    /// Entries, ended ones included.
    pub entries: u32,
}

/// A time that comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfOrder {
    /// The field that comes too early.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Why a command has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The database is away; nothing was changed.
    #[error("the database is away: {0}")]
    Unavailable(String),
    /// A row stayed locked for too long, or all connections are in use; nothing was changed.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// More commands wait than may; nothing was changed.
    #[error("too many commands wait")]
    Overloaded,
    /// The COMMIT was sent and nobody can tell whether it took place.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
    /// The database refused the command's data; nothing was changed. Our fault.
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
