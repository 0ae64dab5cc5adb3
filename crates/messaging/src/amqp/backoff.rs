//! Exponential backoff with jitter.

use std::time::Duration;

/// Produces retry delays that double up to a maximum, with jitter so that clients do not retry in step.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// Creates a backoff whose first delay is between half of `first` and `first`. No delay exceeds `max`.
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, failures: 0 }
    }

    /// Returns the next delay. `jitter`, from 0 to 1, selects a point between half of the delay and all of it.
    pub fn next_delay(&mut self, jitter: f64) -> Duration {
        let delay = self.first.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.max);
        self.failures = self.failures.saturating_add(1).min(30);
        delay.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// Sleeps for the next delay, with random jitter.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next_delay(rand::random())).await;
    }

    /// Resets the backoff after a success, so that the next delay is the first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let delays: Vec<_> = (0..4).map(|_| backoff.next_delay(1.0).as_millis()).collect();
        assert_eq!(delays, [100, 200, 350, 350]);
        backoff.reset();
        assert_eq!(backoff.next_delay(0.0).as_millis(), 50);
    }

    #[test]
    fn many_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_secs(3600), Duration::from_secs(7200));
        for _ in 0..100 {
            assert!(backoff.next_delay(1.0) <= Duration::from_secs(7200));
        }
    }
}
