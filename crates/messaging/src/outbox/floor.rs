//! From which row on the relay has to read. No I/O.
//!
//! Deleted rows stay in the index until the next vacuum, at busy times a million of them, and whoever reads from the
//! beginning walks over all of them each time. But a row may appear behind one that was read: ids are given out before
//! the commit, and a transaction may take its time. A row that was passed over would come after later ones of its ticket
//! type. So the relay reads from where nothing can appear any more: below an id that was known at an earlier look, once
//! every transaction of that time has ended. It looks often, as at 20,000 messages a second it would soon walk over
//! thousands of deleted rows again.

use std::time::Duration;

use tokio::time::Instant;

/// How far apart the looks at what has ended are.
const LOOK: Duration = Duration::from_millis(50);

/// How far apart the looks from the very beginning are. They are for rows of transactions that took an id before they had
/// a number, which is not so with any of ours (each has locked or written a row before), and for what somebody's hand has
/// put there.
const LOOK_FROM_THE_BEGINNING: Duration = Duration::from_secs(10);

/// Which transactions had ended at a moment, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// All below had ended.
    pub(super) ended_below: i64,
    /// None from here on had begun.
    pub(super) begun_below: i64,
}

/// Ids below `id` belong to transactions below `transaction`.
#[derive(Debug, Clone, Copy)]
struct Mark {
    id: i64,
    transaction: i64,
}

/// The beginning of the table, as far as it is known.
#[derive(Debug)]
pub(super) struct Floor {
    /// Below this there is nothing and will be nothing.
    known: i64,
    mark: Option<Mark>,
    looked_at: Option<Instant>,
    began_at: Option<Instant>,
    /// Behind the largest id that was read.
    end: i64,
}

impl Floor {
    /// Nothing is known.
    pub(super) const fn new() -> Self {
        Self { known: i64::MIN, mark: None, looked_at: None, began_at: None, end: i64::MIN }
    }

    /// The id to read from now, and whether it is time for a look.
    pub(super) fn read_from(&self, now: Instant) -> (i64, bool) {
        let is_over = |at: Option<Instant>, interval| at.is_none_or(|at| now.saturating_duration_since(at) >= interval);
        if is_over(self.began_at, LOOK_FROM_THE_BEGINNING) {
            return (i64::MIN, true);
        }
        (self.known, is_over(self.looked_at, LOOK))
    }

    /// Learns from rows that were read.
    pub(super) fn learn(&mut self, ids: &[i64]) {
        self.end = ids.last().map_or(self.end, |last| self.end.max(last.saturating_add(1)));
    }

    /// Learns from a look: a snapshot that was taken before it, from where it was, what it found, and the smallest id of
    /// those rows that were left out.
    pub(super) fn look(&mut self, snapshot: Snapshot, from: i64, ids: &[i64], left_out: Option<i64>, now: Instant) {
        if let Some(mark) = self.mark.filter(|mark| snapshot.ended_below >= mark.transaction) {
            let first = ids.first().copied().unwrap_or(mark.id);
            self.known = first.min(mark.id).min(left_out.unwrap_or(mark.id));
            self.mark = None;
        }
        // Ids that were read had been given out before the snapshot.
        self.mark.get_or_insert(Mark { id: self.end, transaction: snapshot.begun_below });
        self.looked_at = Some(now);
        if from == i64::MIN {
            self.began_at = Some(now);
        }
        self.learn(ids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ended_below: i64, begun_below: i64) -> Snapshot {
        Snapshot { ended_below, begun_below }
    }

    #[test]
    fn it_is_read_from_where_nothing_can_appear_any_more() {
        let (mut floor, start) = (Floor::new(), Instant::now());
        let after = |looks: u32| start + LOOK * looks;
        assert_eq!(floor.read_from(start), (i64::MIN, true), "the first look");
        floor.look(at(10, 10), i64::MIN, &[5, 7], None, start);
        assert_eq!(floor.read_from(start), (i64::MIN, false), "nothing is known of what began before");
        floor.look(at(12, 12), i64::MIN, &[30], None, after(1));
        assert_eq!(floor.read_from(after(2)), (i64::MIN, true), "at the first look no id was known");
        floor.look(at(15, 15), i64::MIN, &[40], None, after(2));
        assert_eq!(floor.read_from(after(2)), (8, false), "what was known at the second look, all of whose transactions have ended");
        assert_eq!(floor.read_from(after(3)), (8, true));
        floor.look(at(20, 20), 8, &[], None, after(3));
        assert_eq!(floor.read_from(after(3)), (31, false));
        let much_later = after(2) + LOOK_FROM_THE_BEGINNING;
        assert_eq!(floor.read_from(much_later), (i64::MIN, true), "once in a while");
        floor.look(at(25, 25), i64::MIN, &[3], None, much_later);
        assert_eq!(floor.read_from(much_later), (3, false), "what nobody expected is not left behind");
    }

    #[test]
    fn a_transaction_that_takes_its_time_is_waited_for() {
        let (mut floor, now) = (Floor::new(), Instant::now());
        floor.learn(&[100]);
        // Transaction 9 has an id below 100 and has not ended.
        floor.look(at(9, 12), i64::MIN, &[101], None, now);
        for _ in 0..5 {
            floor.look(at(9, 50), i64::MIN, &[200], None, now);
            assert_eq!(floor.read_from(now), (i64::MIN, false));
        }
        floor.look(at(50, 50), i64::MIN, &[60, 300], None, now);
        assert_eq!(floor.read_from(now), (60, false), "its row is there now");
    }

    #[test]
    fn what_waits_for_another_try_is_not_left_behind() {
        let (mut floor, now) = (Floor::new(), Instant::now());
        floor.learn(&[20]);
        floor.look(at(5, 5), i64::MIN, &[20], Some(3), now);
        floor.look(at(6, 6), i64::MIN, &[40], Some(3), now);
        assert_eq!(floor.read_from(now), (3, false));
    }
}
