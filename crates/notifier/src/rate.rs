//! Limits the number of mails per minute.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The limit of this notifier, with the permits that were acquired but not used.
pub(crate) struct Rate {
    limiter: Option<DefaultDirectRateLimiter>,
    unused: usize,
}

impl Rate {
    /// Creates a limit of `per_minute` mails; 0 for no limit.
    pub(crate) fn new(per_minute: u32) -> Self {
        // The mails of one second may leave at once, so that a limit does not make each mail wait for the previous one.
        let burst = NonZeroU32::new(per_minute / 60).unwrap_or(NonZeroU32::MIN);
        let quota = NonZeroU32::new(per_minute).map(|per_minute| Quota::per_minute(per_minute).allow_burst(burst));
        Self { limiter: quota.map(RateLimiter::direct), unused: 0 }
    }

    /// Waits for a permit, and returns the number of mails that may be sent now: at least one and at most `max`. Cancel safe.
    pub(crate) async fn permits(&mut self, max: usize) -> usize {
        let Some(limiter) = &self.limiter else { return max };
        if self.unused == 0 {
            limiter.until_ready().await;
            self.unused = 1;
        }
        while self.unused < max && limiter.check().is_ok() {
            self.unused = self.unused.saturating_add(1);
        }
        self.unused.min(max)
    }

    /// Marks permits as used.
    pub(crate) fn used(&mut self, mails: usize) {
        self.unused = self.unused.saturating_sub(mails);
    }
}
