//! Retry state of the rows that the broker rejected: the number of attempts and the time of the next one. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Maximum number of rejected rows awaiting a retry. At this limit the relay stops reading new rows: the broker, not the rows, is
/// probably at fault, and the retry state must stay bounded.
const MAX_PENDING_RETRIES: usize = 1_000;
/// Maximum delay between two attempts to publish a row.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct PendingRetry {
    attempts: u32,
    due: Instant,
}

/// Tracks the rejected rows in memory only. Another relay that takes over starts counting again, which only costs a few more
/// attempts.
#[derive(Debug)]
pub(super) struct RetryTracker {
    rows: BTreeMap<i64, PendingRetry>,
    first_delay: Duration,
    max_attempts: u32,
}

/// Decision about a rejected row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RetryDecision {
    /// Publish the row again after a delay.
    Retry,
    /// Move the row to `outbox_failed`.
    GiveUp { attempts: u32 },
}

impl RetryTracker {
    pub(super) fn new(first_delay: Duration, max_attempts: u32) -> Self {
        Self { rows: BTreeMap::new(), first_delay, max_attempts: max_attempts.max(1) }
    }

    /// Records a rejection of a row and returns what to do with it.
    pub(super) fn record(&mut self, id: i64, now: Instant) -> RetryDecision {
        let attempts = self.rows.get(&id).map_or(0, |retry| retry.attempts).saturating_add(1);
        if attempts >= self.max_attempts {
            // The entry stays, and is due, until the row has been moved and `forget` is called.
            self.rows.insert(id, PendingRetry { attempts, due: now });
            return RetryDecision::GiveUp { attempts };
        }
        let delay = self.first_delay.saturating_mul(2_u32.saturating_pow(attempts - 1)).min(MAX_RETRY_DELAY);
        self.rows.insert(id, PendingRetry { attempts, due: now + delay });
        RetryDecision::Retry
    }

    pub(super) fn forget(&mut self, id: i64) {
        self.rows.remove(&id);
    }

    /// Returns the ids of the rows whose next attempt is not due yet, in ascending order.
    pub(super) fn not_due(&self, now: Instant) -> Vec<i64> {
        self.rows.iter().filter(|(_, retry)| retry.due > now).map(|(&id, _)| id).collect()
    }

    /// Returns how many rows may be read now, at most `batch_size`.
    pub(super) fn read_limit(&self, batch_size: u32, now: Instant) -> u32 {
        if self.rows.len() < MAX_PENDING_RETRIES {
            return batch_size;
        }
        let due = self.rows.values().filter(|retry| retry.due <= now).count();
        u32::try_from(due).unwrap_or(u32::MAX).min(batch_size)
    }

    /// Returns the time of the next retry, or `None` if no row awaits one.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.rows.values().map(|retry| retry.due).min()
    }

    /// Forgets rows that were due but no longer exist, because an operator deleted them or another relay published them.
    ///
    /// `ids` are the rows that a read starting at the id `from` returned, in ascending order. `reached_end` is true if no row
    /// follows them.
    pub(super) fn forget_missing(&mut self, from: i64, ids: &[i64], reached_end: bool, now: Instant) {
        let last = ids.last().copied();
        self.rows.retain(|id, retry| {
            let was_read = *id >= from && (reached_end || last.is_some_and(|last| *id <= last));
            retry.due > now || !was_read || ids.binary_search(id).is_ok()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_rejected_row_waits_longer_each_time_until_it_is_given_up() {
        let mut retries = RetryTracker::new(SECOND, 3);
        let now = Instant::now();
        assert_eq!(retries.record(7, now), RetryDecision::Retry);
        assert_eq!(retries.not_due(now), [7]);
        assert_eq!(retries.next_due(), Some(now + SECOND));
        assert!(retries.not_due(now + SECOND).is_empty());
        assert_eq!(retries.record(7, now), RetryDecision::Retry);
        assert_eq!(retries.next_due(), Some(now + 2 * SECOND));
        assert_eq!(retries.record(7, now), RetryDecision::GiveUp { attempts: 3 });
        retries.forget(7);
        assert_eq!(retries.next_due(), None);
    }

    #[test]
    fn a_deleted_row_is_forgotten_and_one_not_yet_read_is_not() {
        let mut retries = RetryTracker::new(SECOND, 9);
        let now = Instant::now();
        for id in [1, 2, 3, 9] {
            retries.record(id, now);
        }
        let later = now + SECOND;
        retries.forget_missing(0, &[2, 5], false, later);
        assert_eq!(retries.rows.keys().copied().collect::<Vec<_>>(), [2, 9]);
        retries.forget_missing(0, &[], true, later);
        assert!(retries.rows.is_empty());
    }

    #[test]
    fn when_too_many_rows_are_rejected_only_due_rows_are_read() {
        let mut retries = RetryTracker::new(SECOND, 9);
        let now = Instant::now();
        for id in 0..1_000 {
            retries.record(id, now);
        }
        assert_eq!(retries.read_limit(500, now), 0);
        assert_eq!(retries.read_limit(500, now + SECOND), 500);
        retries.forget(3);
        assert_eq!(retries.read_limit(500, now), 500);
    }
}
