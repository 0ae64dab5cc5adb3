//! From which row on the relay has to read. No I/O.
//!
//! Deleted rows stay in the index until the next vacuum, at busy times a million of them, and whoever reads from the
//! beginning walks over all of them each time. But a row may appear behind one that was read: ids are given out before
//! the commit, and a transaction may take its time. A row that was passed over would come after later ones of its ticket
//! type. So the relay looks from the beginning once in a while, and in between reads from where nothing can appear any
//! more: below an id that was known at an earlier look, once every transaction of that time has ended.

use std::time::Duration;

use tokio::time::Instant;

/// How far apart the looks from the beginning are.
const INTERVAL: Duration = Duration::from_secs(1);

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
    /// Behind the largest id that was read.
    end: i64,
}

impl Floor {
    /// Nothing is known.
    pub(super) const fn new() -> Self {
        Self { known: i64::MIN, mark: None, looked_at: None, end: i64::MIN }
    }

    /// The id to read from now; from the beginning when it is time for a look.
    pub(super) fn read_from(&self, now: Instant) -> i64 {
        match self.looked_at {
            Some(at) if now.saturating_duration_since(at) < INTERVAL => self.known,
            _ => i64::MIN,
        }
    }

    /// Learns from rows that were read.
    pub(super) fn learn(&mut self, ids: &[i64]) {
        self.end = ids.last().map_or(self.end, |last| self.end.max(last.saturating_add(1)));
    }

    /// Learns from a look: a snapshot that was taken before it, what it found, and the smallest id of those rows that were
    /// left out.
    pub(super) fn look(&mut self, snapshot: Snapshot, ids: &[i64], left_out: Option<i64>, now: Instant) {
        if let Some(mark) = self.mark.filter(|mark| snapshot.ended_below >= mark.transaction) {
            let first = ids.first().copied().unwrap_or(mark.id);
            self.known = first.min(mark.id).min(left_out.unwrap_or(mark.id));
            self.mark = None;
        }
        // Ids that were read had been given out before the snapshot.
        self.mark.get_or_insert(Mark { id: self.end, transaction: snapshot.begun_below });
        self.looked_at = Some(now);
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
    fn between_looks_it_is_read_from_where_nothing_can_appear_any_more() {
        let (mut floor, start) = (Floor::new(), Instant::now());
        let after = |seconds: f64| start + Duration::from_secs_f64(seconds);
        assert_eq!(floor.read_from(start), i64::MIN, "the first look");
        floor.look(at(10, 10), &[5, 7], None, start);
        assert_eq!(floor.read_from(after(0.5)), i64::MIN, "nothing is known of what began before");
        floor.look(at(12, 12), &[30], None, after(1.0));
        assert_eq!(floor.read_from(after(1.5)), i64::MIN, "at the first look no id was known");
        floor.look(at(15, 15), &[40], None, after(2.0));
        assert_eq!(floor.read_from(after(2.5)), 8, "what was known at the second look, all of whose transactions have ended");
        assert_eq!(floor.read_from(after(3.0)), i64::MIN, "once in a while");
        floor.look(at(20, 20), &[], None, after(3.0));
        assert_eq!(floor.read_from(after(3.5)), 31);
    }

    #[test]
    fn a_transaction_that_takes_its_time_is_waited_for() {
        let (mut floor, now) = (Floor::new(), Instant::now());
        floor.learn(&[100]);
        // Transaction 9 has an id below 100 and has not ended.
        floor.look(at(9, 12), &[101], None, now);
        for _ in 0..5 {
            floor.look(at(9, 50), &[200], None, now);
            assert_eq!(floor.read_from(now), i64::MIN);
        }
        floor.look(at(50, 50), &[60, 300], None, now);
        assert_eq!(floor.read_from(now), 60, "its row is there now");
    }

    #[test]
    fn what_waits_for_another_try_is_not_left_behind() {
        let (mut floor, now) = (Floor::new(), Instant::now());
        floor.learn(&[20]);
        floor.look(at(5, 5), &[20], Some(3), now);
        floor.look(at(6, 6), &[40], Some(3), now);
        assert_eq!(floor.read_from(now), 3);
    }
}
