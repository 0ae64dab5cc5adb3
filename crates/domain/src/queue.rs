//! The waiting list as an allocation pass sees it: one queue per minimum quantity, merged by sequence number.
//!
//! Whether an entry fits depends on its minimum alone, so only the head of each queue can be the next to be promoted, and a pass
//! never needs the whole list. This module also computes the buckets with which the position of an entry can be counted at nearly constant cost, however long the list is.

use std::collections::{BTreeMap, VecDeque};

use crate::allocation::PartySize;

/// A waiting entry as an allocation pass sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedEntry {
    /// The number that orders the list.
    pub number: i64,
    /// The number of tickets that the entry waits for.
    pub size: PartySize,
}

/// The known heads of the queues of a ticket type, one queue per minimum quantity.
#[derive(Debug, Clone, Default)]
pub struct QueueHeads {
    by_min_quantity: BTreeMap<u32, QueueHead>,
}

#[derive(Debug, Clone, Default)]
struct QueueHead {
    /// The numbers and quantities of the known entries, in the order of the numbers.
    entries: VecDeque<(i64, u32)>,
    /// True if the queue may have entries after the known ones.
    truncated: bool,
}

/// The next candidate of an allocation pass.
#[must_use = "an entry has been removed from the heads"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// The entry with the lowest number among those whose minimum fits.
    Entry(QueuedEntry),
    /// No waiting entry fits.
    NoneFits,
    /// The next entry is unknown, because a queue that could hold it was read only in part.
    Unknown,
}

impl QueueHeads {
    /// Appends an entry to the known ones of its minimum. Numbers must be pushed in ascending order per minimum.
    pub fn push(&mut self, entry: QueuedEntry) {
        let head = self.by_min_quantity.entry(entry.size.min_quantity).or_default();
        // If unread entries precede this one, its place in the queue is unknown, and the pass stops before it.
        if !head.truncated {
            head.entries.push_back((entry.number, entry.size.quantity));
        }
    }

    /// Inserts an entry, by its number, among the known ones of its minimum. This is for an entry that keeps its number while its
    /// size changes. If its place lies behind the known part of a truncated queue, the entry is not added and the pass stops before
    /// it.
    pub fn insert(&mut self, entry: QueuedEntry) {
        let head = self.by_min_quantity.entry(entry.size.min_quantity).or_default();
        let index = head.entries.partition_point(|(known, _)| *known < entry.number);
        if index < head.entries.len() || !head.truncated {
            head.entries.insert(index, (entry.number, entry.size.quantity));
        }
    }

    /// Records that the queue of a minimum was read only in part.
    pub fn truncate(&mut self, min_quantity: u32) {
        self.by_min_quantity.entry(min_quantity).or_default().truncated = true;
    }

    /// Removes an entry that left the waiting list.
    pub fn remove(&mut self, entry: QueuedEntry) {
        if let Some(head) = self.by_min_quantity.get_mut(&entry.size.min_quantity) {
            head.entries.retain(|(known, _)| *known != entry.number);
        }
    }

    /// Removes and returns the entry with the lowest number among those that take `room` tickets or fewer.
    pub fn take_first_fitting(&mut self, room: u32) -> Candidate {
        let mut best: Option<QueuedEntry> = None;
        for (&min_quantity, head) in self.by_min_quantity.range(..=room) {
            match head.entries.front() {
                Some(&(number, quantity)) if best.is_none_or(|lowest| number < lowest.number) => {
                    best = Some(QueuedEntry { number, size: PartySize { quantity, min_quantity } });
                }
                None if head.truncated => return Candidate::Unknown,
                _ => {}
            }
        }
        let Some(entry) = best else { return Candidate::NoneFits };
        if let Some(head) = self.by_min_quantity.get_mut(&entry.size.min_quantity) {
            head.entries.pop_front();
        }
        Candidate::Entry(entry)
    }
}

/// The number of sequence numbers in one bucket of each level: 64, 4,096 and 262,144.
///
/// For each bucket of each level, `waitlist_counts` stores how many entries wait in it. A position is the sum of at most 63
/// buckets of each of the two lower levels, the buckets of the top level, and at most 63 rows. The cost therefore does not grow
/// with the list, except for one row per 262,144 numbers.
pub const BUCKET_SPANS: [i64; 3] = [64, 64 * 64, 64 * 64 * 64];

/// The buckets that precede a number: a half-open range of bucket indices for each level, and a half-open range of the remaining
/// numbers, which are counted one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrecedingRanges {
    /// For each level of [`BUCKET_SPANS`], the first bucket index and the exclusive end.
    pub buckets: [(i64, i64); 3],
    /// The first number and the exclusive end.
    pub numbers: (i64, i64),
}

/// Returns the ranges that together contain every number below `number` exactly once.
pub fn preceding_ranges(number: i64) -> PrecedingRanges {
    let [small, middle, large] = BUCKET_SPANS.map(|span| number.div_euclid(span));
    PrecedingRanges { buckets: [(middle * 64, small), (large * 64, middle), (0, large)], numbers: (small * 64, number) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn party(number: i64, quantity: u32) -> QueuedEntry {
        QueuedEntry { number, size: PartySize::all_or_none(quantity) }
    }

    #[test]
    fn a_queue_read_in_part_stops_the_pass_where_it_ends() {
        let mut heads = QueueHeads::default();
        heads.push(party(1, 1));
        heads.truncate(1);
        heads.push(party(9, 1));
        heads.push(party(5, 2));
        assert_eq!(heads.take_first_fitting(2), Candidate::Entry(party(1, 1)));
        assert_eq!(heads.take_first_fitting(2), Candidate::Unknown, "number 9 may have others of its kind before it");
    }

    #[test]
    fn a_large_party_does_not_hide_those_behind_it() {
        let mut heads = QueueHeads::default();
        heads.push(party(1, 5));
        heads.push(party(2, 2));
        assert_eq!(heads.take_first_fitting(4), Candidate::Entry(party(2, 2)));
        assert_eq!(heads.take_first_fitting(4), Candidate::NoneFits);
    }

    #[test]
    fn the_minimum_decides_whether_an_entry_fits_and_the_number_which_is_next() {
        let entry = |number, quantity, min_quantity| QueuedEntry { number, size: PartySize { quantity, min_quantity } };
        let mut heads = QueueHeads::default();
        for queued in [entry(1, 4, 3), entry(2, 6, 2), entry(3, 2, 2), entry(4, 5, 1)] {
            heads.push(queued);
        }
        assert_eq!(heads.take_first_fitting(2), Candidate::Entry(entry(2, 6, 2)), "of two with the same minimum, the first");
        heads.remove(entry(3, 2, 2));
        assert_eq!(heads.take_first_fitting(2), Candidate::Entry(entry(4, 5, 1)));
        assert_eq!(heads.take_first_fitting(2), Candidate::NoneFits);
        assert_eq!(heads.take_first_fitting(3), Candidate::Entry(entry(1, 4, 3)));
    }

    #[test]
    fn an_entry_that_changes_its_size_is_inserted_at_the_place_of_its_number() {
        let mut heads = QueueHeads::default();
        heads.push(party(1, 1));
        heads.push(party(5, 1));
        heads.truncate(1);
        heads.insert(party(3, 1));
        heads.insert(party(7, 1));
        for number in [1, 3, 5] {
            assert_eq!(heads.take_first_fitting(1), Candidate::Entry(party(number, 1)));
        }
        assert_eq!(heads.take_first_fitting(1), Candidate::Unknown, "number 7 may have unread entries before it");
        heads.insert(party(4, 2));
        heads.insert(party(2, 2));
        assert_eq!(heads.take_first_fitting(2), Candidate::Unknown);
        heads = QueueHeads::default();
        heads.insert(party(4, 2));
        heads.insert(party(2, 2));
        assert_eq!(heads.take_first_fitting(2), Candidate::Entry(party(2, 2)));
    }

    proptest! {
        #[test]
        fn the_buckets_before_a_number_cover_each_smaller_number_once(number in 0i64..2_000_000) {
            let ranges = preceding_ranges(number);
            let mut end = 0;
            // From the coarsest level down to single numbers, each range starts where the previous one ends.
            for (span, (first, last)) in BUCKET_SPANS.into_iter().zip(ranges.buckets).rev() {
                prop_assert_eq!(first * span, end);
                prop_assert!(last >= first);
                end = last * span;
            }
            prop_assert_eq!(ranges.numbers, (end, number));
            prop_assert!(number - end < 64);
        }
    }
}
