//! Limits the number of mails per minute.

use std::time::{Duration, Instant};

/// The limit of this notifier. It is a generic cell rate algorithm: each mail moves a time forward, which may be ahead of the clock by the
/// length of a burst.
pub(crate) struct Rate {
    /// Time per mail, and the number of mails that may leave at once; `None` for no limit.
    limit: Option<(Duration, u32)>,
    /// The time up to which all mails have been accounted for.
    accounted: Instant,
}

impl Rate {
    /// Creates a limit of `per_minute` mails; 0 for no limit.
    pub(crate) fn new(per_minute: u32, now: Instant) -> Self {
        // The mails of one second may leave at once, so that a limit does not make each mail wait for the previous one.
        let burst = (per_minute / 60).max(1);
        Self { limit: Duration::from_secs(60).checked_div(per_minute).map(|interval| (interval, burst)), accounted: now }
    }

    /// Waits until a mail may be sent, and returns the number of mails that may be sent now: at least one and at most `max`. Cancel safe.
    pub(crate) async fn permits(&self, max: usize) -> usize {
        loop {
            match self.allowed(Instant::now()) {
                Ok(allowed) => return usize::try_from(allowed).map_or(max, |allowed| allowed.min(max)),
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Returns how many mails may be sent, or how long to wait for the next one.
    fn allowed(&self, now: Instant) -> Result<u128, Duration> {
        let Some((interval, burst)) = self.limit else { return Ok(u128::MAX) };
        let ahead = self.accounted.saturating_duration_since(now);
        let room = (interval * burst).saturating_sub(ahead);
        let wait = interval.saturating_sub(room);
        if wait.is_zero() { Ok(room.as_nanos() / interval.as_nanos()) } else { Err(wait) }
    }

    /// Accounts for mails that are about to be sent.
    pub(crate) fn used(&mut self, mails: usize, now: Instant) {
        if let Some((interval, _)) = self.limit {
            let mails = u32::try_from(mails).unwrap_or(u32::MAX);
            self.accounted = self.accounted.max(now) + interval * mails;
        }
    }

    /// Takes back what was accounted for mails that were not sent.
    pub(crate) fn unused(&mut self, mails: usize) {
        if let Some((interval, _)) = self.limit {
            let mails = u32::try_from(mails).unwrap_or(u32::MAX);
            self.accounted = self.accounted.checked_sub(interval * mails).unwrap_or(self.accounted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mails_of_a_second_may_leave_at_once_and_no_more_after_a_pause() {
        let start = Instant::now();
        let half_a_second = Duration::from_millis(500);
        let mut rate = Rate::new(120, start);
        for pause in [0, 3_600].map(Duration::from_secs) {
            let start = start + pause;
            assert_eq!(rate.allowed(start), Ok(2));
            rate.used(1, start);
            assert_eq!(rate.allowed(start), Ok(1));
            rate.used(1, start);
            assert_eq!(rate.allowed(start), Err(half_a_second));
            assert_eq!(rate.allowed(start + half_a_second), Ok(1));
            rate.used(1, start + half_a_second);
            assert_eq!(rate.allowed(start + half_a_second), Err(half_a_second));
        }
    }

    #[test]
    fn mails_that_were_not_sent_leave_room_for_others() {
        let start = Instant::now();
        let mut rate = Rate::new(120, start);
        rate.used(2, start);
        rate.unused(1);
        assert_eq!(rate.allowed(start), Ok(1));
        let mut unlimited = Rate::new(0, start);
        unlimited.unused(1);
        assert_eq!(unlimited.allowed(start), Ok(u128::MAX));
    }

    #[test]
    fn a_low_rate_sends_one_at_a_time_and_no_rate_sends_all() {
        let start = Instant::now();
        let mut slow = Rate::new(1, start);
        assert_eq!(slow.allowed(start), Ok(1));
        slow.used(1, start);
        assert_eq!(slow.allowed(start), Err(Duration::from_secs(60)));
        let mut unlimited = Rate::new(0, start);
        unlimited.used(1_000_000, start);
        assert_eq!(unlimited.allowed(start), Ok(u128::MAX));
    }
}
