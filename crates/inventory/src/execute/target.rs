//! Finds the booking or the waiting-list entry that a command means.
//!
//! A request that names only the event may be the repeat of one whose answer was lost. It must never act on something that
//! the account got since. Without an idempotency key, it therefore acts only if the account has one open booking or entry
//! at the event and did not get it after another one had ended: the first request could have meant that one. What ended while
//! the open one was already there cannot have been meant, because a request by event would have been ambiguous then. A key
//! tells a repeat from a new request, so with a key the past does not count.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, WaitlistEntryId};
use rowlock_domain::states::{BookingStatus, WaitlistStatus};

use super::ledger::{Ledger, Tracked};
use crate::command::{Cancel, ChangeEntry, Leave, Refusal, Target};

/// What an account has at an event: what is open with the time at which it was made, and what ended with the time of its end.
struct Candidates<Id> {
    open: Vec<(Timestamp, Id)>,
    ended: Vec<(Option<Timestamp>, Id)>,
}

/// What a request by event means.
enum Meaning<Id> {
    /// This open one.
    Open(Id),
    /// Nothing is open; this one ended last.
    EndedLast(Id),
    /// Nothing was ever there.
    Nothing,
    /// Several are open, or one that was made after another had ended, so that the request may be the repeat of an old one.
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
    /// Finds the booking that a cancellation means. It may be cancelled already.
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

    /// Finds the entry that a request to leave means. It may have ended already.
    pub(super) fn entry_to_leave(&self, leave: &Leave) -> Result<WaitlistEntryId, Refusal> {
        if let Target::One(id, _) = leave.target {
            return Ok(id);
        }
        self.only_entry(leave.event, leave.account, leave.idempotency.is_some())
    }

    /// Finds the entry that a change of a quantity means. It may have ended already.
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
