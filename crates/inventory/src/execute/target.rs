//! Finds the booking or the waiting-list entry that a command refers to.
//!
//! A request that names only the event may be a retry of a request whose response was lost. It must never affect a booking or an
//! entry that the account made later. Without an idempotency key, the request therefore takes effect only if the account has
//! exactly one open booking or entry at the event and did not make it after another one had ended, because the original request
//! could have referred to that one. The original request cannot have referred to one that ended while the open one existed,
//! because it would have been ambiguous. An idempotency key distinguishes a retry from a new request, so with a key the history
//! is ignored.

use std::collections::HashSet;

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, WaitlistEntryId};
use rowlock_domain::states::{BookingStatus, WaitlistStatus};

use super::unit_of_work::{Tracked, UnitOfWork};
use crate::command::{CancelBooking, ChangeEntry, LeaveWaitlist, Refusal, Target};

/// The bookings or entries of an account at an event: the open ones with their creation times, and the ended ones with their end
/// times.
struct TargetCandidates<Id> {
    open: Vec<(Timestamp, Id)>,
    ended: Vec<(Option<Timestamp>, Id)>,
}

/// The booking or the entry that a request which names only the event refers to.
enum TargetMatch<Id> {
    /// The only open one.
    Open(Id),
    /// The one that ended last, because none is open.
    LastEnded(Id),
    /// None, because there has never been one.
    NoMatch,
    /// Unclear: several are open, or the only open one was made after another had ended, so that the request may be a retry of an
    /// older one.
    Ambiguous(Vec<Id>),
}

impl<Id: Copy + Ord> TargetCandidates<Id> {
    fn resolve(self, has_key: bool) -> TargetMatch<Id> {
        match self.open.as_slice() {
            [] => self.ended.iter().max().map_or(TargetMatch::NoMatch, |(_, id)| TargetMatch::LastEnded(*id)),
            [(made, only)] if has_key || self.ended.iter().all(|(ended, _)| *ended > Some(*made)) => TargetMatch::Open(*only),
            _ => TargetMatch::Ambiguous(self.open.into_iter().map(|(_, id)| id).collect()),
        }
    }
}

impl UnitOfWork {
    /// Returns the booking that a cancellation refers to. It may already be cancelled or have expired.
    pub(super) fn find_booking_to_cancel(&self, cancel: &CancelBooking) -> Result<BookingId, Refusal> {
        if let Target::ById(id, _) = cancel.target {
            return Ok(id);
        }
        let mut candidates = TargetCandidates { open: Vec::new(), ended: Vec::new() };
        let bookings = self.bookings.iter().map(Tracked::get);
        for booking in bookings.filter(|booking| booking.key.event == cancel.event && booking.holder.account == cancel.account) {
            match booking.status {
                BookingStatus::Reserved | BookingStatus::Confirmed => candidates.open.push((booking.booked_at, booking.id)),
                BookingStatus::Cancelled => candidates.ended.push((booking.cancelled_at, booking.id)),
                BookingStatus::Expired => candidates.ended.push((booking.expires_at, booking.id)),
            }
        }
        match candidates.resolve(cancel.idempotency.is_some()) {
            TargetMatch::Open(id) | TargetMatch::LastEnded(id) => Ok(id),
            TargetMatch::NoMatch => Err(Refusal::BookingNotFound),
            TargetMatch::Ambiguous(ids) => Err(Refusal::AmbiguousBooking(ids)),
        }
    }

    /// Returns the entry that a request to leave refers to. It may have ended already.
    pub(super) fn find_entry_to_leave(&self, leave: &LeaveWaitlist) -> Result<WaitlistEntryId, Refusal> {
        if let Target::ById(id, _) = leave.target {
            return Ok(id);
        }
        self.find_only_entry(leave.event, leave.account, leave.idempotency.is_some())
    }

    /// Returns the entry that a change of the size refers to. It may have ended already.
    pub(super) fn find_entry_to_change(&self, change: &ChangeEntry) -> Result<WaitlistEntryId, Refusal> {
        if let Target::ById(id, _) = change.target {
            return Ok(id);
        }
        self.find_only_entry(change.event, change.account, change.idempotency.is_some())
    }

    fn find_only_entry(&self, event: EventId, account: AccountId, has_key: bool) -> Result<WaitlistEntryId, Refusal> {
        let mut candidates = TargetCandidates { open: Vec::new(), ended: Vec::new() };
        // The entries of a wish count as one, which is represented by its first choice.
        let mut wishes = HashSet::new();
        let mut entries: Vec<_> = self.entries.iter().map(Tracked::get).collect();
        entries.sort_by_key(|entry| entry.wish.map(|place| place.preference));
        for entry in entries.into_iter().filter(|entry| entry.key.event == event && entry.holder.account == account) {
            match entry.status {
                WaitlistStatus::Waiting if entry.wish.is_some_and(|place| !wishes.insert(place.id)) => {}
                WaitlistStatus::Waiting => candidates.open.push((entry.joined_at, entry.id)),
                WaitlistStatus::Promoted | WaitlistStatus::Left | WaitlistStatus::Closed | WaitlistStatus::Expired => {
                    candidates.ended.push((entry.ended_at, entry.id));
                }
            }
        }
        match candidates.resolve(has_key) {
            TargetMatch::Open(id) | TargetMatch::LastEnded(id) => Ok(id),
            TargetMatch::NoMatch => Err(Refusal::EntryNotFound),
            TargetMatch::Ambiguous(ids) => Err(Refusal::AmbiguousEntry(ids)),
        }
    }
}
