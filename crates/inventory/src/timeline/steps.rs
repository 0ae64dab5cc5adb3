//! Decides which messages of a ticket type can be counted now, and which have to wait for their predecessors.

use std::collections::BTreeMap;

use rowlock_domain::Timestamp;
use rowlock_domain::messages::{SalesChange, SalesMessage};

use super::counts::{MinuteCounts, minute_of};

/// A message of a known ticket type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Timestamp,
    pub(super) change: SalesChange,
}

impl From<&SalesMessage> for Step {
    fn from(message: &SalesMessage) -> Self {
        Self { at: message.at, change: message.change }
    }
}

/// The rows to write for a ticket type.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Advance {
    /// The sequence up to which everything is counted afterwards.
    pub(super) sequence: i64,
    /// The changes to add.
    pub(super) minutes: BTreeMap<Timestamp, MinuteCounts>,
    /// New messages that have to wait.
    pub(super) parked: Vec<(i64, Step)>,
    /// The numbers of waiting messages that are counted now.
    pub(super) released: Vec<i64>,
}

/// Counts the messages that follow `sequence` without a gap. `pending` are the stored messages that wait, `new` the messages that
/// have just arrived, in any order and with duplicates.
pub(super) fn advance(sequence: i64, mut pending: BTreeMap<i64, Step>, mut new: BTreeMap<i64, Step>) -> Advance {
    let mut result = Advance { sequence, ..Advance::default() };
    loop {
        let next = result.sequence.saturating_add(1);
        let stored = pending.remove(&next);
        let Some(step) = stored.or_else(|| new.get(&next).copied()) else { break };
        if stored.is_some() {
            result.released.push(next);
        }
        result.minutes.entry(minute_of(step.at)).or_default().add(step.change);
        result.sequence = next;
    }
    new.retain(|number, _| *number > result.sequence && !pending.contains_key(number));
    result.parked = new.into_iter().collect();
    result
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::timeline::counts::SalesCounts;

    fn step(number: i64) -> Step {
        let at = Timestamp::from_timestamp(1_700_000_000 + number * 7, 0).unwrap();
        let number = u32::try_from(number).unwrap();
        Step { at, change: SalesChange { booked: number, capacity: number.is_multiple_of(5).then_some(number), ..SalesChange::default() } }
    }

    fn steps(numbers: &[i64]) -> BTreeMap<i64, Step> {
        numbers.iter().map(|number| (*number, step(*number))).collect()
    }

    #[test]
    fn a_message_is_counted_once_its_predecessors_are() {
        let first = advance(0, BTreeMap::new(), steps(&[2, 3, 5]));
        assert_eq!((first.sequence, first.minutes.len(), first.parked.len()), (0, 0, 3));
        let second = advance(0, steps(&[2, 3, 5]), steps(&[1, 2]));
        assert_eq!((second.sequence, second.released, second.parked), (3, vec![2, 3], vec![]));
        assert_eq!(second.minutes.values().map(|minute| minute.counts.booked).sum::<i64>(), 6);
        assert_eq!(advance(3, BTreeMap::new(), steps(&[1, 2, 3])), Advance { sequence: 3, ..Advance::default() });
    }

    proptest! {
        /// Whatever the order, the batches and the duplicates, the result is that of counting each message once.
        #[test]
        fn any_order_with_duplicates_gives_the_same_counts(
            order in Just((1..=60i64).collect::<Vec<_>>()).prop_shuffle(),
            duplicates in vec(1..=60i64, 0..40),
            size in 1..20usize,
        ) {
            let (mut sequence, mut pending) = (0, BTreeMap::new());
            let mut minutes: BTreeMap<Timestamp, MinuteCounts> = BTreeMap::new();
            let all: Vec<i64> = order.into_iter().chain(duplicates).collect();
            for batch in all.chunks(size) {
                let result = advance(sequence, pending.clone(), steps(batch));
                prop_assert!(result.sequence >= sequence);
                sequence = result.sequence;
                for number in result.released {
                    pending.remove(&number);
                }
                pending.extend(result.parked);
                for (minute, counts) in result.minutes {
                    let sum = minutes.entry(minute).or_default();
                    sum.counts.add(counts.counts);
                    sum.capacity = counts.capacity.or(sum.capacity);
                }
            }
            let mut expected: BTreeMap<Timestamp, MinuteCounts> = BTreeMap::new();
            for number in 1..=60 {
                expected.entry(minute_of(step(number).at)).or_default().add(step(number).change);
            }
            prop_assert_eq!((sequence, pending.len(), minutes), (60, 0, expected));
        }

        #[test]
        fn sold_and_waiting_add_up(changes in vec((0..9i64, 0..9i64, 0..9i64), 1..20)) {
            let mut sum = SalesCounts::default();
            for (booked, returned, joined) in &changes {
                sum.add(SalesCounts { booked: *booked, returned: *returned, joined: *joined, ..SalesCounts::default() });
            }
            prop_assert_eq!(sum.sold(), changes.iter().map(|(booked, returned, _)| booked - returned).sum::<i64>());
            prop_assert_eq!(sum.waiting(), changes.iter().map(|(.., joined)| joined).sum::<i64>());
        }
    }
}
