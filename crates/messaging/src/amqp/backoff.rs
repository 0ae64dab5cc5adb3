//! How long to wait before trying again: twice as long each time, up to a limit, and never in step with others.

use std::time::Duration;

/// Growing delays with jitter.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// The first delay is about `first`; none is longer than `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The next delay. `jitter`, between 0 and 1, says where in the upper half of the delay it lies.
    pub fn next_delay(&mut self, jitter: f64) -> Duration {
        let delay = self.first.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.longest);
        self.failures = self.failures.saturating_add(1).min(30);
        delay.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// Sleeps for the next delay, with jitter from the thread's random numbers.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next_delay(rand::random())).await;
    }

    /// Things work again: the next delay is the first one.
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
