//! The behavior of a server that the notifiers send to: it fails on a schedule drawn from a seed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A schedule on which each failure is followed by a time without one.
#[derive(Debug)]
pub struct FailureSchedule<B: 'static>(Mutex<Phase<B>>);

#[derive(Debug)]
struct Phase<B: 'static> {
    /// The behavior without a failure.
    normal: B,
    failures: &'static [B],
    current: B,
    until: Instant,
    rng: StdRng,
    /// Whether there are no more failures.
    is_reliable: bool,
}

impl<B: Copy + PartialEq> FailureSchedule<B> {
    /// Creates a schedule that draws from `failures`.
    pub fn new(normal: B, failures: &'static [B], seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self(Mutex::new(Phase { normal, failures, current: normal, until: Instant::now(), rng, is_reliable: false }))
    }

    /// Returns the behavior at this time.
    pub fn now(&self) -> B {
        let phase = &mut *lock(&self.0);
        if phase.is_reliable {
            return phase.normal;
        }
        if phase.until <= Instant::now() {
            let was_normal = phase.current == phase.normal;
            let drawn = phase.rng.random_range(0..phase.failures.len().max(1));
            phase.current = phase.failures.get(drawn).copied().filter(|_| was_normal).unwrap_or(phase.normal);
            let limits = if phase.current == phase.normal { 1_000..5_000 } else { 200..2_000 };
            phase.until = Instant::now() + Duration::from_millis(phase.rng.random_range(limits));
        }
        phase.current
    }

    /// Ends the failures.
    pub fn recover(&self) {
        lock(&self.0).is_reliable = true;
    }
}

/// Locks a mutex, also if a thread has panicked with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_ends_when_the_server_recovers() {
        let schedule = FailureSchedule::new(0, &[1, 2], 7);
        assert!((0..3).contains(&schedule.now()));
        schedule.recover();
        assert_eq!(schedule.now(), 0);
    }
}
