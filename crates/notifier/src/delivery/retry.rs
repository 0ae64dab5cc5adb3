//! When a delivery is tried again.

use std::time::Duration;

/// When a delivery is tried again.
#[derive(Debug, Clone)]
pub(crate) struct RetryPlan {
    /// The delays after the first attempts. The last one is repeated.
    pub(crate) delays: Vec<Duration>,
    /// The sum of the delays after which the delivery fails.
    pub(crate) give_up_after: Duration,
}

impl RetryPlan {
    /// Returns the delay after this number of attempts, or `None` after the last one.
    pub(super) fn delay_after(&self, attempts: u32) -> Option<Duration> {
        let last = self.delays.last().copied()?;
        let index = |attempt: u32| usize::try_from(attempt).unwrap_or(usize::MAX);
        let delay = |attempt: u32| self.delays.get(index(attempt)).copied().unwrap_or(last);
        let mut waited = Duration::ZERO;
        for attempt in 0..attempts {
            waited = waited.saturating_add(delay(attempt));
            if waited > self.give_up_after {
                return None;
            }
        }
        Some(delay(attempts.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end_after_a_day() {
        let delays = [10, 60, 3600].map(Duration::from_secs).to_vec();
        let plan = RetryPlan { delays, give_up_after: Duration::from_secs(86_400) };
        let seconds = |attempts| plan.delay_after(attempts).map(|delay| delay.as_secs());
        assert_eq!([1, 2, 3, 4].map(seconds), [Some(10), Some(60), Some(3600), Some(3600)]);
        // 10 s, 60 s and 23 full hours fit into a day.
        assert_eq!((seconds(25), seconds(26)), (Some(3600), None));
        assert_eq!(RetryPlan { delays: Vec::new(), ..plan }.delay_after(1), None);
    }
}
