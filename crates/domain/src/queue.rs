//! The waiting list as a walk sees it: one queue per quantity, merged by number.
//!
//! A walk never needs the whole list: within one quantity only the head can be next. Also here: the buckets
//! that make a place in the queue cost the same however long the queue is.

use std::collections::{BTreeMap, VecDeque};

/// The known heads of a type's queues, one queue per quantity.
#[derive(Debug, Clone, Default)]
pub struct WaitingHeads {
    by_quantity: BTreeMap<u32, Head>,
}

#[derive(Debug, Clone, Default)]
struct Head {
    numbers: VecDeque<i64>,
    /// There may be more entries behind the known ones.
    truncated: bool,
}

/// What comes next in a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The first entry, by number, that fits.
    Entry {
        /// The number that orders the list.
        number: i64,
        /// Its tickets.
        quantity: u32,
    },
    /// No entry that waits fits.
    NoneFits,
    /// A queue that could hold the next entry was only read in part.
    Unknown,
}

impl WaitingHeads {
    /// Adds an entry behind the known ones of its quantity. Numbers must come in rising order per quantity.
    pub fn push(&mut self, number: i64, quantity: u32) {
        let head = self.by_quantity.entry(quantity).or_default();
        // Behind entries that were not read, the place of this one is not known: the walk stops before it.
        if !head.truncated {
            head.numbers.push_back(number);
        }
    }

    /// Adds an entry at the place of its number among the known ones of its quantity, for an entry that keeps its number
    /// while its quantity changes. Behind the known part of a queue that was read in part, its place is not known and the
    /// walk stops before it.
    pub fn insert(&mut self, number: i64, quantity: u32) {
        let head = self.by_quantity.entry(quantity).or_default();
        let place = head.numbers.partition_point(|known| *known < number);
        if place < head.numbers.len() || !head.truncated {
            head.numbers.insert(place, number);
        }
    }

    /// Notes that the queue of a quantity was read in part.
    pub fn truncate(&mut self, quantity: u32) {
        self.by_quantity.entry(quantity).or_default().truncated = true;
    }

    /// Takes an entry out that left.
    pub fn remove(&mut self, number: i64, quantity: u32) {
        if let Some(head) = self.by_quantity.get_mut(&quantity) {
            head.numbers.retain(|known| *known != number);
        }
    }

    /// Takes the entry with the lowest number among those of at most `room` tickets.
    pub fn take_first_fitting(&mut self, room: u32) -> Next {
        let mut best: Option<(i64, u32)> = None;
        for (&quantity, head) in self.by_quantity.range(..=room) {
            match head.numbers.front() {
                Some(&number) if best.is_none_or(|(lowest, _)| number < lowest) => best = Some((number, quantity)),
                None if head.truncated => return Next::Unknown,
                _ => {}
            }
        }
        let Some((number, quantity)) = best else { return Next::NoneFits };
        if let Some(head) = self.by_quantity.get_mut(&quantity) {
            head.numbers.pop_front();
        }
        Next::Entry { number, quantity }
    }
}

/// How many numbers one bucket of a level spans: 64, 4,096 and 262,144.
///
/// `waitlist_counts` keeps, for each bucket of each level, how many entries wait in it. A place in the queue is
/// then the sum of at most 63 buckets per level, the buckets of the top level, and 63 rows: the cost does not grow
/// with the list (but for one row per 262,144 numbers).
pub const LEVEL_SPANS: [i64; 3] = [64, 64 * 64, 64 * 64 * 64];

/// Which buckets stand before a number: per level a half-open range of bucket indices, and below them the
/// half-open range of numbers to be counted one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Per level of [`LEVEL_SPANS`], first and end of the bucket indices.
    pub buckets: [(i64, i64); 3],
    /// First and end of the numbers.
    pub numbers: (i64, i64),
}

/// The buckets and numbers that stand before `number`, none twice and none left out.
pub fn before(number: i64) -> Before {
    let [small, middle, large] = LEVEL_SPANS.map(|span| number.div_euclid(span));
    Before { buckets: [(middle * 64, small), (large * 64, middle), (0, large)], numbers: (small * 64, number) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_queue_read_in_part_stops_the_walk_where_it_ends() {
        let mut heads = WaitingHeads::default();
        heads.push(1, 1);
        heads.truncate(1);
        heads.push(9, 1);
        heads.push(5, 2);
        assert_eq!(heads.take_first_fitting(2), Next::Entry { number: 1, quantity: 1 });
        assert_eq!(heads.take_first_fitting(2), Next::Unknown, "number 9 may have others of its kind before it");
    }

    #[test]
    fn a_large_party_does_not_hide_those_behind_it() {
        let mut heads = WaitingHeads::default();
        heads.push(1, 5);
        heads.push(2, 2);
        assert_eq!(heads.take_first_fitting(4), Next::Entry { number: 2, quantity: 2 });
        assert_eq!(heads.take_first_fitting(4), Next::NoneFits);
    }

    #[test]
    fn an_entry_that_changes_its_quantity_is_inserted_at_the_place_of_its_number() {
        let mut heads = WaitingHeads::default();
        heads.push(1, 1);
        heads.push(5, 1);
        heads.truncate(1);
        heads.insert(3, 1);
        heads.insert(7, 1);
        for number in [1, 3, 5] {
            assert_eq!(heads.take_first_fitting(1), Next::Entry { number, quantity: 1 });
        }
        assert_eq!(heads.take_first_fitting(1), Next::Unknown, "number 7 may have unread entries before it");
        heads.insert(4, 2);
        heads.insert(2, 2);
        assert_eq!(heads.take_first_fitting(2), Next::Unknown);
        heads = WaitingHeads::default();
        heads.insert(4, 2);
        heads.insert(2, 2);
        assert_eq!(heads.take_first_fitting(2), Next::Entry { number: 2, quantity: 2 });
    }

    proptest! {
        #[test]
        fn the_buckets_before_a_number_cover_each_smaller_number_once(number in 0i64..2_000_000) {
            let before = before(number);
            let mut end = 0;
            // From the coarsest level down to single numbers, the ranges join without a gap.
            for (span, (first, last)) in LEVEL_SPANS.into_iter().zip(before.buckets).rev() {
                prop_assert_eq!(first * span, end);
                prop_assert!(last >= first);
                end = last * span;
            }
            prop_assert_eq!(before.numbers, (end, number));
            prop_assert!(number - end < 64);
        }
    }
}
