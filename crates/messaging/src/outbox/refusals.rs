//! Which rows the broker has refused, how often, and when each may be tried again. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// With this many refused rows waiting no further rows are tried: it is not the rows, then, and the relay must not
/// carry the whole outbox in its head, nor set all of it aside.
const CROWDED: usize = 1_000;
/// The longest delay between two tries of a row.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Refusal {
    attempts: u32,
    due: Instant,
}

/// Kept in memory only: a new leader starts to count anew, which costs some more tries and nothing else.
#[derive(Debug)]
pub(super) struct Refusals {
    rows: BTreeMap<i64, Refusal>,
    first_delay: Duration,
    max_attempts: u32,
}

/// What a refusal means for the row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    TryAgain,
    SetAside { attempts: u32 },
}

impl Refusals {
    pub(super) fn new(first_delay: Duration, max_attempts: u32) -> Self {
        Self { rows: BTreeMap::new(), first_delay, max_attempts: max_attempts.max(1) }
    }

    pub(super) fn record(&mut self, id: i64, now: Instant) -> Verdict {
        let attempts = self.rows.get(&id).map_or(0, |refusal| refusal.attempts).saturating_add(1);
        if attempts >= self.max_attempts {
            // Kept, and due, until the row is really gone: forgetting comes with `forget`.
            self.rows.insert(id, Refusal { attempts, due: now });
            return Verdict::SetAside { attempts };
        }
        let delay = self.first_delay.saturating_mul(2_u32.saturating_pow(attempts - 1)).min(LONGEST_DELAY);
        self.rows.insert(id, Refusal { attempts, due: now + delay });
        Verdict::TryAgain
    }

    pub(super) fn forget(&mut self, id: i64) {
        self.rows.remove(&id);
    }

    /// Rows that may not be tried yet.
    pub(super) fn waiting(&self, now: Instant) -> Vec<i64> {
        self.rows.iter().filter(|(_, refusal)| refusal.due > now).map(|(&id, _)| id).collect()
    }

    /// How many rows may be read now, of at most `batch_size`.
    pub(super) fn room(&self, batch_size: u32, now: Instant) -> u32 {
        if self.rows.len() < CROWDED {
            return batch_size;
        }
        let due = self.rows.values().filter(|refusal| refusal.due <= now).count();
        u32::try_from(due).unwrap_or(u32::MAX).min(batch_size)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.rows.values().map(|refusal| refusal.due).min()
    }

    /// Forgets rows that were due and yet not found: an operator deleted them, or another leader settled them.
    /// `ids` is what was read from an id on, in order; `all` says that nothing was left unread behind it.
    pub(super) fn keep_found(&mut self, from: i64, ids: &[i64], all: bool, now: Instant) {
        let last = ids.last().copied();
        self.rows.retain(|id, refusal| {
            let was_read = *id >= from && (all || last.is_some_and(|last| *id <= last));
            refusal.due > now || !was_read || ids.binary_search(id).is_ok()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_refused_row_waits_longer_each_time_and_is_set_aside_in_the_end() {
        let mut refusals = Refusals::new(SECOND, 3);
        let now = Instant::now();
        assert_eq!(refusals.record(7, now), Verdict::TryAgain);
        assert_eq!(refusals.waiting(now), [7]);
        assert_eq!(refusals.next_due(), Some(now + SECOND));
        assert!(refusals.waiting(now + SECOND).is_empty());
        assert_eq!(refusals.record(7, now), Verdict::TryAgain);
        assert_eq!(refusals.next_due(), Some(now + 2 * SECOND));
        assert_eq!(refusals.record(7, now), Verdict::SetAside { attempts: 3 });
        refusals.forget(7);
        assert_eq!(refusals.next_due(), None);
    }

    #[test]
    fn a_row_that_vanished_is_forgotten_and_one_not_yet_read_is_not() {
        let mut refusals = Refusals::new(SECOND, 9);
        let now = Instant::now();
        for id in [1, 2, 3, 9] {
            refusals.record(id, now);
        }
        let later = now + SECOND;
        refusals.keep_found(0, &[2, 5], false, later);
        assert_eq!(refusals.rows.keys().copied().collect::<Vec<_>>(), [2, 9]);
        refusals.keep_found(0, &[], true, later);
        assert!(refusals.rows.is_empty());
    }

    #[test]
    fn when_everything_is_refused_only_due_rows_are_read() {
        let mut refusals = Refusals::new(SECOND, 9);
        let now = Instant::now();
        for id in 0..1_000 {
            refusals.record(id, now);
        }
        assert_eq!(refusals.room(500, now), 0);
        assert_eq!(refusals.room(500, now + SECOND), 500);
        refusals.forget(3);
        assert_eq!(refusals.room(500, now), 500);
    }
}
