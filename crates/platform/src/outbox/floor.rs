//! From which row on the relay has to read. No I/O.
//!
//! Deleted rows stay in the index until the next vacuum, at busy times a million of them, and whoever reads from the
//! beginning walks over all of them each time. But a row may appear behind one that was read: ids are given out before
//! the commit. So the relay reads from the beginning once in a while, and in between from where the table began when it
//! looked the time before the last: a row that is later than that waits for the next look.

use std::time::Duration;

use tokio::time::Instant;

/// How far apart the looks from the beginning are.
const INTERVAL: Duration = Duration::from_secs(1);

/// The beginning of the table, as far as it is known.
#[derive(Debug)]
pub(super) struct Floor {
    /// Where the table began at the look before the last, and at the last.
    before: i64,
    last: i64,
    looked_at: Option<Instant>,
    /// Behind the largest id that was read.
    end: i64,
}

impl Floor {
    /// Nothing is known.
    pub(super) const fn new() -> Self {
        Self { before: i64::MIN, last: i64::MIN, looked_at: None, end: i64::MIN }
    }

    /// The id to read from now.
    pub(super) fn read_from(&self, now: Instant) -> i64 {
        match self.looked_at {
            Some(at) if now.saturating_duration_since(at) < INTERVAL => self.before,
            _ => i64::MIN,
        }
    }

    /// Learns from what was read from an id on, and from the smallest id of those rows that were left out.
    pub(super) fn learn(&mut self, from: i64, ids: &[i64], left_out: Option<i64>, now: Instant) {
        self.end = ids.last().map_or(self.end, |last| self.end.max(last.saturating_add(1)));
        if from == i64::MIN {
            let first = ids.first().copied().unwrap_or(self.end);
            self.before = self.last;
            self.last = left_out.map_or(first, |left_out| left_out.min(first));
            self.looked_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_looks_from_the_beginning_it_is_read_from_where_the_table_began_before_the_last() {
        let (mut floor, start) = (Floor::new(), Instant::now());
        let after = |seconds: f64| start + Duration::from_secs_f64(seconds);
        assert_eq!(floor.read_from(start), i64::MIN, "the first look");
        floor.learn(i64::MIN, &[5, 7], None, start);
        assert_eq!(floor.read_from(after(0.5)), i64::MIN, "one look is not enough");
        floor.learn(i64::MIN, &[8], None, after(1.0));
        assert_eq!(floor.read_from(after(1.5)), 5);
        floor.learn(5, &[30], None, after(1.5));
        assert_eq!(floor.read_from(after(2.0)), i64::MIN, "once in a while");
        floor.learn(i64::MIN, &[], None, after(2.0));
        assert_eq!(floor.read_from(after(2.5)), 8);
        floor.learn(i64::MIN, &[], None, after(3.0));
        assert_eq!(floor.read_from(after(3.5)), 31, "behind all that was read");
    }

    #[test]
    fn what_waits_for_another_try_is_not_left_behind() {
        let (mut floor, now) = (Floor::new(), Instant::now());
        floor.learn(i64::MIN, &[20], Some(3), now);
        floor.learn(i64::MIN, &[40], Some(3), now);
        assert_eq!(floor.read_from(now), 3);
    }
}
