//! The low watermark of the outbox: the id from which the relay has to read. No I/O.
//!
//! Deleted rows stay in the index until the next vacuum. Under load these are up to a million, and a read from the beginning of
//! the table skips all of them each time. But a row can become visible with a smaller id than a row that was read, because ids
//! are assigned before the commit and transactions differ in length. If the relay missed such a row, it would publish it after
//! later rows of its ticket type. The watermark is therefore an id that was known at an earlier snapshot, and it is only used
//! once every transaction that was running then has ended: no smaller id can appear any more. It is refreshed often, because at
//! 20,000 messages per second the relay would soon skip thousands of deleted rows again.

use std::time::Duration;

use tokio::time::Instant;

/// Interval between two refreshes of the watermark.
const WATERMARK_INTERVAL: Duration = Duration::from_millis(50);

/// Interval between two reads from the beginning of the table. They find rows below the watermark: those of transactions that
/// took an id before they were assigned a transaction number, which Rowlock's own never do because they lock or write a row
/// first, and rows that were inserted by hand.
const FULL_SCAN_INTERVAL: Duration = Duration::from_secs(10);

/// The transactions that had ended when the snapshot was taken, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// All transactions with a smaller number had ended.
    pub(super) ended_below: i64,
    /// No transaction with this number or a larger one had started.
    pub(super) started_below: i64,
}

/// A future watermark. All rows with an id below `id` belong to transactions with a number below `transaction`.
#[derive(Debug, Clone, Copy)]
struct WatermarkCandidate {
    id: i64,
    transaction: i64,
}

/// The low watermark of the outbox and the state that is needed to advance it.
#[derive(Debug)]
pub(super) struct LowWatermark {
    /// No row with a smaller id exists or can still become visible.
    low: i64,
    candidate: Option<WatermarkCandidate>,
    refreshed_at: Option<Instant>,
    full_scan_at: Option<Instant>,
    /// One more than the largest id that was read.
    end: i64,
}

impl LowWatermark {
    /// Returns a watermark below every id.
    pub(super) const fn new() -> Self {
        Self { low: i64::MIN, candidate: None, refreshed_at: None, full_scan_at: None, end: i64::MIN }
    }

    /// Returns the id to read from, and whether the watermark must be refreshed with the rows of that read.
    pub(super) fn next_read(&self, now: Instant) -> (i64, bool) {
        let is_due = |at: Option<Instant>, interval| at.is_none_or(|at| now.saturating_duration_since(at) >= interval);
        if is_due(self.full_scan_at, FULL_SCAN_INTERVAL) {
            return (i64::MIN, true);
        }
        (self.low, is_due(self.refreshed_at, WATERMARK_INTERVAL))
    }

    /// Records the ids of rows that were read.
    pub(super) fn record_read(&mut self, ids: &[i64]) {
        self.end = ids.last().map_or(self.end, |last| self.end.max(last.saturating_add(1)));
    }

    /// Advances the watermark after a read. `snapshot` was taken before the read, `from` is the id that it started at, `ids` are
    /// the rows that it found, and `first_excluded` is the smallest id of the rows that it excluded.
    pub(super) fn refresh(&mut self, snapshot: Snapshot, from: i64, ids: &[i64], first_excluded: Option<i64>, now: Instant) {
        if let Some(candidate) = self.candidate.filter(|candidate| snapshot.ended_below >= candidate.transaction) {
            let first = ids.first().copied().unwrap_or(candidate.id);
            self.low = first.min(candidate.id).min(first_excluded.unwrap_or(candidate.id));
            self.candidate = None;
        }
        // The ids that were read earlier had been assigned before the snapshot.
        self.candidate.get_or_insert(WatermarkCandidate { id: self.end, transaction: snapshot.started_below });
        self.refreshed_at = Some(now);
        if from == i64::MIN {
            self.full_scan_at = Some(now);
        }
        self.record_read(ids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ended_below: i64, started_below: i64) -> Snapshot {
        Snapshot { ended_below, started_below }
    }

    #[test]
    fn the_watermark_advances_once_no_smaller_id_can_appear() {
        let (mut watermark, start) = (LowWatermark::new(), Instant::now());
        let after = |intervals: u32| start + WATERMARK_INTERVAL * intervals;
        assert_eq!(watermark.next_read(start), (i64::MIN, true), "the first read starts at the beginning");
        watermark.refresh(at(10, 10), i64::MIN, &[5, 7], None, start);
        assert_eq!(watermark.next_read(start), (i64::MIN, false), "nothing is known about earlier transactions");
        watermark.refresh(at(12, 12), i64::MIN, &[30], None, after(1));
        assert_eq!(watermark.next_read(after(2)), (i64::MIN, true), "no id was known at the first refresh");
        watermark.refresh(at(15, 15), i64::MIN, &[40], None, after(2));
        assert_eq!(
            watermark.next_read(after(2)),
            (8, false),
            "the end of the ids known at the second refresh, whose transactions have ended"
        );
        assert_eq!(watermark.next_read(after(3)), (8, true));
        watermark.refresh(at(20, 20), 8, &[], None, after(3));
        assert_eq!(watermark.next_read(after(3)), (31, false));
        let much_later = after(2) + FULL_SCAN_INTERVAL;
        assert_eq!(watermark.next_read(much_later), (i64::MIN, true), "a full scan is due");
        watermark.refresh(at(25, 25), i64::MIN, &[3], None, much_later);
        assert_eq!(watermark.next_read(much_later), (3, false), "a full scan finds a row below the watermark");
    }

    #[test]
    fn the_watermark_waits_for_a_long_transaction() {
        let (mut watermark, now) = (LowWatermark::new(), Instant::now());
        watermark.record_read(&[100]);
        // Transaction 9 has an id below 100 and has not ended.
        watermark.refresh(at(9, 12), i64::MIN, &[101], None, now);
        for _ in 0..5 {
            watermark.refresh(at(9, 50), i64::MIN, &[200], None, now);
            assert_eq!(watermark.next_read(now), (i64::MIN, false));
        }
        watermark.refresh(at(50, 50), i64::MIN, &[60, 300], None, now);
        assert_eq!(watermark.next_read(now), (60, false), "the row of the long transaction is visible now");
    }

    #[test]
    fn a_row_that_awaits_a_retry_holds_the_watermark_back() {
        let (mut watermark, now) = (LowWatermark::new(), Instant::now());
        watermark.record_read(&[20]);
        watermark.refresh(at(5, 5), i64::MIN, &[20], Some(3), now);
        watermark.refresh(at(6, 6), i64::MIN, &[40], Some(3), now);
        assert_eq!(watermark.next_read(now), (3, false));
    }
}
