//! The rows of one transaction in memory, in their stored and in their changed state.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::AuditEntry;
use rowlock_domain::ids::{AccountId, BookingId, EventId, MessageId, TransferId, TypeKey, WaitlistEntryId, WishId};
use rowlock_domain::messages::{DomainEvent, Message, Subject};
use rowlock_domain::queue::QueueHeads;
use rowlock_domain::tickets::{TicketNumber, TicketNumbers};
use rowlock_domain::trace::TraceContext;

use super::queue_log::QueueLog;
use crate::command::{RenderedResponse, SalesHistory};
use crate::config::NewId;
use crate::views::{Booking, Event, TicketType, Transfer, WaitlistEntry};

/// A row together with its state before the first change.
#[derive(Debug)]
pub(super) struct Tracked<T> {
    now: T,
    original: OriginalRow<T>,
}

#[derive(Debug)]
enum OriginalRow<T> {
    Unchanged,
    Changed(Box<T>),
    New,
}

impl<T: Clone> Tracked<T> {
    pub(super) const fn stored(row: T) -> Self {
        Self { now: row, original: OriginalRow::Unchanged }
    }

    pub(super) const fn new(row: T) -> Self {
        Self { now: row, original: OriginalRow::New }
    }

    pub(super) const fn get(&self) -> &T {
        &self.now
    }

    pub(super) fn change(&mut self) -> &mut T {
        if matches!(self.original, OriginalRow::Unchanged) {
            self.original = OriginalRow::Changed(Box::new(self.now.clone()));
        }
        &mut self.now
    }

    /// Returns the stored row if it has changed, and `None` if it is new or unchanged.
    pub(super) fn original(&self) -> Option<&T> {
        match &self.original {
            OriginalRow::Changed(original) => Some(original),
            OriginalRow::Unchanged | OriginalRow::New => None,
        }
    }

    pub(super) const fn is_new(&self) -> bool {
        matches!(self.original, OriginalRow::New)
    }
}

/// Rows by key that keep the order of insertion.
#[derive(Debug)]
pub(super) struct Rows<K, T> {
    order: Vec<K>,
    by_key: HashMap<K, Tracked<T>>,
}

impl<K, T> Default for Rows<K, T> {
    fn default() -> Self {
        Self { order: Vec::new(), by_key: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash, T: Clone> Rows<K, T> {
    pub(super) fn insert_stored(&mut self, key: K, row: T) {
        if !self.by_key.contains_key(&key) {
            self.order.push(key);
            self.by_key.insert(key, Tracked::stored(row));
        }
    }

    pub(super) fn insert_new(&mut self, key: K, row: T) {
        self.order.push(key);
        self.by_key.insert(key, Tracked::new(row));
    }

    pub(super) fn get(&self, key: &K) -> Option<&T> {
        self.by_key.get(key).map(Tracked::get)
    }

    pub(super) fn change(&mut self, key: &K) -> Option<&mut T> {
        self.by_key.get_mut(key).map(Tracked::change)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Tracked<T>> {
        self.order.iter().filter_map(|key| self.by_key.get(key))
    }
}

/// A stored response to a request with an idempotency key.
#[derive(Debug, Clone)]
pub(super) struct StoredResponse {
    pub(super) operation: String,
    pub(super) request_hash: [u8; 32],
    pub(super) response: RenderedResponse,
}

/// The tickets of a booking.
#[derive(Debug, Clone)]
pub(super) struct BookingTickets {
    pub(super) numbers: TicketNumbers,
    /// The numbers that were checked in.
    pub(super) used: BTreeSet<TicketNumber>,
    /// True if `numbers` differs from what is stored.
    pub(super) is_changed: bool,
}

impl BookingTickets {
    /// Returns how many tickets were checked in.
    pub(super) fn checked_in(&self) -> u32 {
        u32::try_from(self.used.len()).unwrap_or(u32::MAX)
    }
}

/// The event and the account to which an idempotency key belongs, and the key.
pub(super) type IdempotencyScope = (EventId, AccountId, String);

/// The state that the commands of one transaction read and change.
pub(super) struct UnitOfWork {
    /// The time by the database's clock, read after the locks were acquired.
    pub(super) now: Timestamp,
    pub(super) new_id: NewId,
    /// The locked types.
    pub(super) types: BTreeMap<TypeKey, Tracked<TicketType>>,
    /// The queue logs of the locked types.
    pub(super) queue_logs: BTreeMap<TypeKey, QueueLog>,
    pub(super) events: HashMap<EventId, Tracked<Event>>,
    pub(super) bookings: Rows<(EventId, BookingId), Booking>,
    /// The tickets of the bookings from which commands return some.
    pub(super) tickets: HashMap<(EventId, BookingId), BookingTickets>,
    pub(super) entries: Rows<(EventId, WaitlistEntryId), WaitlistEntry>,
    /// The transfers that commands refer to, and those that promise tickets of the bookings of commands.
    pub(super) transfers: Rows<(EventId, TransferId), Transfer>,
    /// The number of tickets that accounts have booked and wait for, for types with a limit.
    pub(super) totals: HashMap<(TypeKey, AccountId), u32>,
    /// The open entries of accounts whose bookings may join the waiting list, and the entries that were made in this batch.
    pub(super) open_entries: HashMap<(TypeKey, AccountId), Vec<WaitlistEntryId>>,
    /// The known positions of entries, each with the length that `vacated` had when the position was determined.
    pub(super) positions: HashMap<WaitlistEntryId, (i64, usize)>,
    /// The numbers whose entries left their place in the queue in this batch, in the order of the decisions.
    pub(super) vacated: HashMap<TypeKey, Vec<i64>>,
    /// The number of stored waiting entries for each large minimum, for types whose event is changed in this batch.
    pub(super) oversized_entries: HashMap<TypeKey, Vec<(u32, u32)>>,
    pub(super) queue_heads: HashMap<TypeKey, QueueHeads>,
    /// The entries whose promotion created a reserved booking.
    pub(super) entry_by_booking: HashMap<BookingId, WaitlistEntryId>,
    /// The reserved bookings whose time is over, for types whose reservations the batch ends.
    pub(super) to_expire: HashMap<TypeKey, VecDeque<BookingId>>,
    pub(super) entry_by_number: HashMap<(TypeKey, i64), WaitlistEntryId>,
    /// The entries, in the order of preference, of each wish of which an entry can be promoted, changed or left in this batch.
    pub(super) wishes: HashMap<(EventId, WishId), Vec<WaitlistEntryId>>,
    /// The entries to close and the bookings to cancel, for events whose waiting list has ended or that are cancelled.
    pub(super) to_close: HashMap<TypeKey, VecDeque<WaitlistEntryId>>,
    pub(super) to_cancel: HashMap<TypeKey, VecDeque<BookingId>>,
    /// The stored numbers of bookings and entries that events have ever had. They are read, under the lock, only for events that
    /// the batch deletes or makes drafts.
    pub(super) ever_sold: HashMap<EventId, SalesHistory>,
    /// The events that were deleted in this batch.
    pub(super) deleted: BTreeSet<EventId>,
    pub(super) stored_responses: HashMap<IdempotencyScope, Tracked<StoredResponse>>,
    pub(super) messages: Vec<Message>,
    /// The audit-log entries.
    pub(super) audit_entries: Vec<AuditEntry>,
    /// The types for which tickets became held in this batch, with the trace in which they were returned. Each causes one message
    /// at the end of the batch.
    pub(super) released_types: BTreeMap<TypeKey, Option<TraceContext>>,
    /// The trace context of the command that is being decided.
    pub(super) trace: Option<TraceContext>,
}

impl UnitOfWork {
    pub(super) fn new(now: Timestamp, new_id: NewId) -> Self {
        Self {
            now,
            new_id,
            types: BTreeMap::new(),
            queue_logs: BTreeMap::new(),
            events: HashMap::new(),
            bookings: Rows::default(),
            tickets: HashMap::new(),
            entries: Rows::default(),
            transfers: Rows::default(),
            totals: HashMap::new(),
            open_entries: HashMap::new(),
            positions: HashMap::new(),
            vacated: HashMap::new(),
            oversized_entries: HashMap::new(),
            queue_heads: HashMap::new(),
            entry_by_booking: HashMap::new(),
            to_expire: HashMap::new(),
            entry_by_number: HashMap::new(),
            wishes: HashMap::new(),
            to_close: HashMap::new(),
            to_cancel: HashMap::new(),
            ever_sold: HashMap::new(),
            deleted: BTreeSet::new(),
            stored_responses: HashMap::new(),
            messages: Vec::new(),
            audit_entries: Vec::new(),
            released_types: BTreeMap::new(),
            trace: None,
        }
    }

    /// Records a domain event of a ticket type: increments the version of the type and adds a message.
    pub(super) fn emit_for_type(&mut self, key: TypeKey, domain_event: DomainEvent) {
        let Some(ticket_type) = self.types.get_mut(&key) else { return };
        let sequence = ticket_type.change().stock.next_version();
        self.push(Subject::TicketType(key), sequence, domain_event);
    }

    /// Records a domain event of an event, whose version was already incremented.
    pub(super) fn emit_for_event(&mut self, event: EventId, version: i64, domain_event: DomainEvent) {
        self.push(Subject::Event(event), version, domain_event);
    }

    fn push(&mut self, subject: Subject, sequence: i64, domain_event: DomainEvent) {
        let id = MessageId::from_uuid((self.new_id)());
        self.messages.push(Message { id, subject, sequence, time: self.now, domain_event, trace: self.trace });
    }

    /// Returns the name of an event, or an empty text if it is not loaded.
    pub(super) fn event_name(&self, event: EventId) -> String {
        self.events.get(&event).map(|event| event.get().name.clone()).unwrap_or_default()
    }

    /// Adds a `tickets.released` message for each type whose tickets became held in this batch, unless none are held any more.
    pub(super) fn emit_tickets_released(&mut self) {
        for (key, trace) in std::mem::take(&mut self.released_types) {
            self.trace = trace;
            if self.types.get(&key).is_some_and(|ticket_type| ticket_type.get().stock.held > 0) {
                self.emit_for_type(key, DomainEvent::TicketsReleased {});
            }
        }
    }

    /// Records that the current command caused tickets of a type to become held.
    pub(super) fn mark_released(&mut self, key: TypeKey) {
        self.released_types.insert(key, self.trace);
    }

    /// Adds to the total of an account, if it is tracked.
    pub(super) fn add_to_total(&mut self, key: TypeKey, account: AccountId, quantity: u32) {
        if let Some(total) = self.totals.get_mut(&(key, account)) {
            *total = total.saturating_add(quantity);
        }
    }

    /// Subtracts from the total of an account, if it is tracked.
    pub(super) fn take_from_total(&mut self, key: TypeKey, account: AccountId, quantity: u32) {
        if let Some(total) = self.totals.get_mut(&(key, account)) {
            *total = total.saturating_sub(quantity);
        }
    }
}
