//! The commands of the booking system and their results.
//!
//! A command carries the ids of the rows that it may create. After a lost COMMIT response, the existence of these rows tells
//! whether the transaction committed. A command that cannot be executed has an outcome, not an error.

mod actor;
mod event;
mod outcome;
mod tickets;
mod transfers;
mod wishes;

use rowlock_domain::ids::{AccountId, EventId, TypeKey};
use rowlock_domain::trace::TraceContext;

pub use self::actor::{Authority, ByAdministrator, Idempotency};
pub use self::event::{ChangeEvent, DeleteEvent, StatusTransition, TypeChange};
pub use self::outcome::{
    ChangedEvent, CommandError, ExpirySummary, Outcome, ReallocationSummary, Refusal, RenderedResponse, SalesHistory, TransferRefusal,
};
pub use self::tickets::{Book, CancelBooking, ChangeEntry, ConfirmBooking, ExpireReservations, LeaveWaitlist, Reallocate, Target};
pub use self::transfers::{AcceptTransfer, EndTransfer, OfferTransfer, TransferSide, TransferTokenHash};
pub use self::wishes::{BookWish, WishedType};

/// An operation that runs in a transaction.
#[derive(Debug, Clone)]
pub enum Command {
    /// Books or reserves tickets, or joins the waiting list.
    Book(Book),
    /// Books or reserves tickets of one of several types, or joins the waiting lists of all of them.
    BookWish(Box<BookWish>),
    /// Confirms a reserved booking.
    Confirm(ConfirmBooking),
    /// Returns all or some of the tickets of a booking.
    CancelBooking(CancelBooking),
    /// Leaves the waiting list.
    LeaveWaitlist(LeaveWaitlist),
    /// Changes the number of tickets that a waiting-list entry waits for, or the smallest number that it takes.
    ChangeEntry(ChangeEntry),
    /// Changes an event, its terms or its capacities, or publishes, withdraws or cancels it.
    ChangeEvent(Box<ChangeEvent>),
    /// Deletes an event that has never had a booking or a waiting-list entry.
    DeleteEvent(Box<DeleteEvent>),
    /// Promotes waiting entries with held tickets. If the waiting list has ended or the event is cancelled, closes what is still
    /// open.
    Reallocate(Reallocate),
    /// Ends reserved bookings whose time is over.
    Expire(ExpireReservations),
    /// Offers tickets of a booking to an e-mail address.
    OfferTransfer(Box<OfferTransfer>),
    /// Moves offered tickets to the account that accepts them.
    AcceptTransfer(Box<AcceptTransfer>),
    /// Withdraws or declines a transfer.
    EndTransfer(Box<EndTransfer>),
}

impl Command {
    /// Returns the event, by which commands are ordered and partitioned.
    pub const fn event(&self) -> EventId {
        match self {
            Self::Book(book) => book.key.event,
            Self::BookWish(wish) => wish.event,
            Self::Confirm(confirm) => confirm.key.event,
            Self::CancelBooking(cancel) => cancel.event,
            Self::LeaveWaitlist(leave) => leave.event,
            Self::ChangeEntry(change) => change.event,
            Self::ChangeEvent(change) => change.event,
            Self::DeleteEvent(delete) => delete.event,
            Self::Reallocate(reallocate) => reallocate.key.event,
            Self::Expire(expire) => expire.key.event,
            Self::OfferTransfer(offer) => offer.key.event,
            Self::AcceptTransfer(accept) => accept.key.event,
            Self::EndTransfer(end) => end.key.event,
        }
    }

    /// Returns the only ticket type that the command concerns, or `None` if it concerns all types of its event.
    pub const fn only_type(&self) -> Option<TypeKey> {
        let event = self.event();
        let ticket_type = match self {
            Self::Book(book) => return Some(book.key),
            Self::Confirm(confirm) => return Some(confirm.key),
            Self::Reallocate(reallocate) => return Some(reallocate.key),
            Self::Expire(expire) => return Some(expire.key),
            Self::OfferTransfer(offer) => return Some(offer.key),
            Self::AcceptTransfer(accept) => return Some(accept.key),
            Self::EndTransfer(end) => return Some(end.key),
            Self::CancelBooking(cancel) => match cancel.target {
                Target::ById(_, ticket_type) | Target::OnlyAtEvent(Some(ticket_type)) => ticket_type,
                Target::OnlyAtEvent(None) => return None,
            },
            Self::LeaveWaitlist(leave) => match leave.target {
                Target::ById(_, ticket_type) | Target::OnlyAtEvent(Some(ticket_type)) => ticket_type,
                Target::OnlyAtEvent(None) => return None,
            },
            Self::ChangeEntry(change) => match change.target {
                Target::ById(_, ticket_type) | Target::OnlyAtEvent(Some(ticket_type)) => ticket_type,
                Target::OnlyAtEvent(None) => return None,
            },
            Self::BookWish(_) | Self::ChangeEvent(_) | Self::DeleteEvent(_) => return None,
        };
        Some(TypeKey { event, ticket_type })
    }

    /// Returns the account to which the idempotency key belongs, the operation and the key. Returns `None` if the command has no
    /// key or if its actor is not an account, which cannot occur for commands with a key.
    pub(crate) fn idempotency(&self) -> Option<(AccountId, &'static str, &Idempotency)> {
        let (account, by, [own, for_others], idempotency) = match self {
            Self::Book(book) => (book.holder.account, book.administrator.as_deref(), ["book", "admin-book"], &book.idempotency),
            Self::BookWish(wish) => (wish.holder.account, None, ["book"; 2], &wish.idempotency),
            Self::Confirm(confirm) => (confirm.account, None, ["confirm"; 2], &confirm.idempotency),
            Self::CancelBooking(cancel) => {
                (cancel.account, cancel.authority.administrator(), ["cancel", "admin-cancel"], &cancel.idempotency)
            }
            Self::LeaveWaitlist(leave) => (leave.account, leave.authority.administrator(), ["leave", "admin-remove"], &leave.idempotency),
            Self::ChangeEntry(change) => (change.account, None, ["change"; 2], &change.idempotency),
            Self::ChangeEvent(change) => {
                let operation = if change.transition == Some(StatusTransition::Cancel) { "cancel-event" } else { "change-event" };
                return Some((change.actor.as_ref()?.account_id?, operation, change.idempotency.as_ref()?));
            }
            Self::OfferTransfer(offer) => (offer.account, None, ["offer-transfer"; 2], &offer.idempotency),
            Self::AcceptTransfer(accept) => (accept.receiver.account, None, ["accept-transfer"; 2], &accept.idempotency),
            Self::EndTransfer(end) => {
                let operation = if end.side == TransferSide::Sender { "withdraw-transfer" } else { "decline-transfer" };
                (end.account, None, [operation; 2], &end.idempotency)
            }
            Self::DeleteEvent(_) | Self::Reallocate(_) | Self::Expire(_) => return None,
        };
        let idempotency = idempotency.as_ref()?;
        match by {
            None => Some((account, own, idempotency)),
            Some(by) => Some((by.actor.account_id?, for_others, idempotency)),
        }
    }
}

/// A command with the trace context of its request, if that is traced.
#[derive(Debug, Clone)]
pub struct TracedCommand {
    /// The command to execute.
    pub command: Command,
    /// The trace context for the messages that the command causes.
    pub trace: Option<TraceContext>,
}

/// A command with whatever the caller needs to respond to it.
pub trait CommandRequest: Send + Sync + 'static {
    /// Returns the command to execute.
    fn command(&self) -> &Command;
    /// Returns the trace context for the messages that the command causes.
    fn trace(&self) -> Option<TraceContext>;
}

impl CommandRequest for TracedCommand {
    fn command(&self) -> &Command {
        &self.command
    }

    fn trace(&self) -> Option<TraceContext> {
        self.trace
    }
}

impl From<Command> for TracedCommand {
    fn from(command: Command) -> Self {
        Self { command, trace: None }
    }
}
