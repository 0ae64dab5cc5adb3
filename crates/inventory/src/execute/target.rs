//! Finds the booking or the waiting-list entry that a command refers to.
//!
//! A request that names only the event may be a retry of a request whose response was lost. It must never affect a booking or an
//! entry that the account made later. Without an idempotency key, the request therefore takes effect only if the account has
//! exactly one open booking or entry at the event and did not make it after another one had ended, because the original request
//! could have referred to that one. The original request cannot have referred to one that ended while the open one existed,
//! because it would have been ambiguous. An idempotency key distinguishes a retry from a new request, so with a key the history
//! is ignored.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, WaitlistEntryId};
use rowlock_domain::states::{BookingStatus, WaitlistStatus};

use super::ledger::{Ledger, Tracked};
use crate::command::{Cancel, ChangeEntry, Leave, Refusal, Target};

/// The bookings or entries of an account at an event: the open ones with their creation times, and the ended ones with their end
/// times.
struct Candidates<Id> {
    open: Vec<(Timestamp, Id)>,
    ended: Vec<(Option<Timestamp>, Id)>,
}

/// The booking or the entry that a request which names only the event refers to.
enum Meaning<Id> {
    /// The only open one.
    Open(Id),
    /// The one that ended last, because none is open.
    EndedLast(Id),
    /// None, because there has never been one.
    Nothing,
    /// Unclear: several are open, or the only open one was made after another had ended, so that the request may be a retry of an
    /// older one.
    Unclear(Vec<Id>),
}

impl<Id: Copy + Ord> Candidates<Id> {
    fn meaning(self, has_key: bool) -> Meaning<Id> {
        match self.open.as_slice() {
            [] => self.ended.iter().max().map_or(Meaning::Nothing, |(_, id)| Meaning::EndedLast(*id)),
            [(made, only)] if has_key || self.ended.iter().all(|(ended, _)| *ended > Some(*made)) => Meaning::Open(*only),
            _ => Meaning::Unclear(self.open.into_iter().map(|(_, id)| id).collect()),
        }
    }
}

impl Ledger {
    /// Returns the booking that a cancellation refers to. It may already be cancelled.
    pub(super) fn booking_meant(&self, cancel: &Cancel) -> Result<BookingId, Refusal> {
        if let Target::One(id, _) = cancel.target {
            return Ok(id);
        }
        let mut candidates = Candidates { open: Vec::new(), ended: Vec::new() };
        let bookings = self.bookings.iter().map(Tracked::get);
        for booking in bookings.filter(|booking| booking.key.event == cancel.event && booking.holder.account == cancel.account) {
            match booking.status {
                BookingStatus::Confirmed => candidates.open.push((booking.booked_at, booking.id)),
                BookingStatus::Cancelled => candidates.ended.push((booking.cancelled_at, booking.id)),
            }
        }
        match candidates.meaning(cancel.idempotency.is_some()) {
            Meaning::Open(id) | Meaning::EndedLast(id) => Ok(id),
            Meaning::Nothing => Err(Refusal::BookingNotFound),
            Meaning::Unclear(ids) => Err(Refusal::AmbiguousBooking(ids)),
        }
    }

    /// Returns the entry that a request to leave refers to. It may have ended already.
    pub(super) fn entry_to_leave(&self, leave: &Leave) -> Result<WaitlistEntryId, Refusal> {
        if let Target::One(id, _) = leave.target {
            return Ok(id);
        }
        self.only_entry(leave.event, leave.account, leave.idempotency.is_some())
    }

    /// Returns the entry that a change of the quantity refers to. It may have ended already.
    pub(super) fn entry_to_change(&self, change: &ChangeEntry) -> Result<WaitlistEntryId, Refusal> {
        if let Target::One(id, _) = change.target {
            return Ok(id);
        }
        self.only_entry(change.event, change.account, change.idempotency.is_some())
    }

    fn only_entry(&self, event: EventId, account: AccountId, has_key: bool) -> Result<WaitlistEntryId, Refusal> {
        let mut candidates = Candidates { open: Vec::new(), ended: Vec::new() };
        let entries = self.entries.iter().map(Tracked::get);
        for entry in entries.filter(|entry| entry.key.event == event && entry.holder.account == account) {
            match entry.status {
                WaitlistStatus::Waiting => candidates.open.push((entry.joined_at, entry.id)),
                WaitlistStatus::Promoted | WaitlistStatus::Left | WaitlistStatus::Closed => {
                    candidates.ended.push((entry.ended_at, entry.id));
                }
            }
        }
        match candidates.meaning(has_key) {
            Meaning::Open(id) | Meaning::EndedLast(id) => Ok(id),
            Meaning::Nothing => Err(Refusal::EntryNotFound),
            Meaning::Unclear(ids) => Err(Refusal::AmbiguousEntry(ids)),
        }
    }
}
