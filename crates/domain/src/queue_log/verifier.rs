//! Checks a queue log: that its chain of hashes is complete, and that nobody was skipped.
//!
//! The verifier replays the records with a model of its own, a sorted map of the entries that wait. It shares no code with the
//! allocation rule that made the decisions, so that an error there cannot hide itself.
//!
//! It trusts two things that a log alone cannot prove: the number of free tickets that each promotion states, and that the log which it
//! reads is the one that others read. For the second, people compare hashes that they have noted; see [`QueueLogVerifier::expect`].

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

pub use super::violation::Violation;
use super::{QueueChange, QueueLogHash, QueueLogHead, QueueLogKind, QueueLogRecord};
use crate::ids::TypeKey;

/// The figures of a log that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueLogReport {
    /// The number of records.
    pub records: i64,
    /// The number of entries that joined or were listed.
    pub entries: u64,
    /// The number of entries that got tickets.
    pub promotions: u64,
    /// The number of tickets that they got.
    pub tickets: u64,
    /// The number of entries that left, were removed or closed and wait no longer.
    pub ended: u64,
    /// The number of entries that wait.
    pub waiting: u64,
    /// How often the log started anew. Nothing can be said about the queue between two parts of a log.
    pub restarts: u64,
    /// The end of the log.
    pub head: QueueLogHead,
}

/// The size of a waiting entry: the number of tickets that it wants, and the smallest number that it takes.
type Wish = (u32, u32);

/// Replays the records of one log, which must be pushed in their order.
#[derive(Debug, Clone)]
pub struct QueueLogVerifier {
    key: TypeKey,
    head: QueueLogHead,
    waiting: BTreeMap<i64, Wish>,
    closed: HashSet<i64>,
    highest: i64,
    /// The highest number at the last new start. Of the entries up to it, only those that are listed are known.
    unknown_up_to: i64,
    /// True while the entries are listed that waited at a new start.
    lists: bool,
    expected: HashSet<QueueLogHash>,
    entries: u64,
    promotions: u64,
    tickets: u64,
    ended: u64,
    restarts: u64,
}

impl QueueLogVerifier {
    /// Creates a verifier for the log of a ticket type.
    pub fn new(key: TypeKey) -> Self {
        Self {
            key,
            head: QueueLogHead::START,
            waiting: BTreeMap::new(),
            closed: HashSet::new(),
            highest: 0,
            unknown_up_to: 0,
            lists: false,
            expected: HashSet::new(),
            entries: 0,
            promotions: 0,
            tickets: 0,
            ended: 0,
            restarts: 0,
        }
    }

    /// Demands that a hash which was noted earlier is part of the log. Must be called before the first record is pushed.
    pub fn expect(&mut self, hash: QueueLogHash) {
        if hash != QueueLogHash::START {
            self.expected.insert(hash);
        }
    }

    /// Returns the end of what was pushed.
    pub const fn head(&self) -> QueueLogHead {
        self.head
    }

    /// Checks the next record. After an error the verifier must not be used again.
    pub fn push(&mut self, record: &QueueLogRecord) -> Result<(), Violation> {
        let position = self.head.position + 1;
        if record.position != position {
            return Err(Violation::Gap { expected: position, found: record.position });
        }
        if self.head.append(self.key, record.recorded_at, record.change).hash != record.hash {
            return Err(Violation::WrongHash(position));
        }
        self.expected.remove(&record.hash);
        self.replay(position, &record.change)
    }

    /// Checks that the log ends where its publisher says, and that it contains all expected hashes.
    pub fn finish(self, published: QueueLogHead) -> Result<QueueLogReport, Violation> {
        if self.head != published {
            return Err(Violation::WrongHead { found: self.head.position, published: published.position });
        }
        if let Some(hash) = self.expected.into_iter().next() {
            return Err(Violation::UnknownHash(hash));
        }
        Ok(QueueLogReport {
            records: self.head.position,
            entries: self.entries,
            promotions: self.promotions,
            tickets: self.tickets,
            ended: self.ended,
            waiting: u64::try_from(self.waiting.len()).unwrap_or(u64::MAX),
            restarts: self.restarts,
            head: self.head,
        })
    }

    fn replay(&mut self, position: i64, change: &QueueChange) -> Result<(), Violation> {
        let (kind, number) = (change.kind, change.number);
        let lists = std::mem::replace(&mut self.lists, matches!(kind, QueueLogKind::Restarted | QueueLogKind::Listed));
        if number < 1 || !has_the_values_of_its_kind(change) {
            return Err(Violation::Malformed(position));
        }
        match kind {
            QueueLogKind::Joined => {
                self.give_out(position, number)?;
                self.entries += 1;
                self.wait(position, change)
            }
            QueueLogKind::Moved => {
                self.take(position, kind, change.previous_number.ok_or(Violation::Malformed(position))?)?;
                self.give_out(position, number)?;
                self.wait(position, change)
            }
            QueueLogKind::Changed => {
                let (before, _) = self.take(position, kind, number)?;
                if change.quantity > Some(before) {
                    return Err(Violation::GrewInPlace { position, number });
                }
                self.wait(position, change)
            }
            QueueLogKind::Left | QueueLogKind::Removed | QueueLogKind::Closed => {
                self.take(position, kind, number)?;
                self.ended += 1;
                if kind == QueueLogKind::Closed {
                    self.closed.insert(number);
                }
                Ok(())
            }
            QueueLogKind::Reopened => {
                if self.closed.remove(&number) {
                    self.ended -= 1;
                } else if number > self.unknown_up_to || self.waiting.contains_key(&number) {
                    return Err(Violation::NotClosed { position, number });
                }
                self.wait(position, change)
            }
            QueueLogKind::Promoted => self.promote(position, change),
            QueueLogKind::Restarted => {
                if number < self.highest {
                    return Err(Violation::NumberNotHigher { position, number, highest: self.highest });
                }
                self.waiting.clear();
                self.closed.clear();
                (self.highest, self.unknown_up_to) = (number, number);
                self.restarts += 1;
                Ok(())
            }
            QueueLogKind::Listed => {
                let after_the_last = self.waiting.last_key_value().is_none_or(|(last, _)| *last < number);
                if !lists || number > self.unknown_up_to || !after_the_last {
                    return Err(Violation::ListedOutOfPlace(position));
                }
                self.entries += 1;
                self.wait(position, change)
            }
        }
    }

    /// Checks a number that was given out, which must be higher than all before it.
    fn give_out(&mut self, position: i64, number: i64) -> Result<(), Violation> {
        if number <= self.highest {
            return Err(Violation::NumberNotHigher { position, number, highest: self.highest });
        }
        self.highest = number;
        Ok(())
    }

    fn wait(&mut self, position: i64, change: &QueueChange) -> Result<(), Violation> {
        let (Some(quantity), Some(min_quantity)) = (change.quantity, change.min_quantity) else {
            return Err(Violation::Malformed(position));
        };
        self.waiting.insert(change.number, (quantity, min_quantity));
        Ok(())
    }

    fn take(&mut self, position: i64, kind: QueueLogKind, number: i64) -> Result<Wish, Violation> {
        self.waiting.remove(&number).ok_or(Violation::NotWaiting { position, kind, number })
    }

    /// Checks a promotion: the entry is the first whose minimum fits, and it gets as many tickets as it wants and fits.
    fn promote(&mut self, position: i64, change: &QueueChange) -> Result<(), Violation> {
        let number = change.number;
        let (Some(given), Some(free), Some(max)) = (change.quantity, change.free, change.max_per_booking) else {
            return Err(Violation::Malformed(position));
        };
        let room = free.min(max);
        let (wanted, min_quantity) = self.take(position, change.kind, number)?;
        if min_quantity > room {
            return Err(Violation::TooLarge { position, number, min_quantity, room });
        }
        let due = wanted.min(room);
        if given != due {
            return Err(Violation::WrongQuantity { position, number, given, due });
        }
        for (&skipped, &(_, min_quantity)) in self.waiting.range(..number) {
            if min_quantity <= room {
                return Err(Violation::Skipped { position, number, skipped, min_quantity, room });
            }
        }
        self.promotions += 1;
        self.tickets += u64::from(given);
        Ok(())
    }
}

/// Returns whether a record has exactly the values that its kind has, and a minimum that is not above the quantity.
fn has_the_values_of_its_kind(change: &QueueChange) -> bool {
    let QueueChange { kind, number: _, previous_number, quantity, min_quantity, free, max_per_booking } = *change;
    let present = (previous_number.is_some(), quantity.is_some(), min_quantity.is_some(), free.is_some(), max_per_booking.is_some());
    let expected = match kind {
        QueueLogKind::Joined | QueueLogKind::Changed | QueueLogKind::Reopened | QueueLogKind::Listed => (false, true, true, false, false),
        QueueLogKind::Moved => (true, true, true, false, false),
        QueueLogKind::Promoted => (false, true, false, true, true),
        QueueLogKind::Left | QueueLogKind::Removed | QueueLogKind::Closed | QueueLogKind::Restarted => (false, false, false, false, false),
    };
    let values = [quantity, min_quantity, free, max_per_booking];
    present == expected && values.iter().all(|value| *value != Some(0)) && (min_quantity.is_none() || min_quantity <= quantity)
}

#[cfg(test)]
mod tests;
