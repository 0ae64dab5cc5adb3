//! Decides how many messages about bookings and waiting lists are taken. Each becomes rows in PostgreSQL and a mail, and in a sale they
//! arrive faster than mails leave. In the queue they cost the box office least, so they are taken as fast as mails leave, and
//! slowly while the box office is busy.

use std::time::{Duration, Instant};

use rowlock_messaging::amqp::Received;

use crate::settings::PaceSettings;

/// Minimum time between two looks at the queue.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Time over which arriving messages are counted. Deliveries that are on their way to this notifier are counted late; over a shorter
/// time, the batches among them would look like the beginning of a sale.
const COUNTED_TIME: Duration = Duration::from_secs(1);

/// How long the box office counts as busy after the last look at which it was.
const CALM_AFTER: Duration = Duration::from_secs(2);

/// Maximum time for which messages wait in memory until mails have left. A broker requeues messages that are not acknowledged for half
/// an hour, and dead-letters those that it had to requeue too often.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Delay before the unsent mails are counted again.
const RECOUNT_DELAY: Duration = Duration::from_millis(50);

/// Minimum time between two batches, so that a transaction contains all messages of that time.
const MIN_GAP: Duration = Duration::from_millis(20);

/// The number of messages that may be taken, or the delay before that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Up to this number, at least one.
    Take(usize),
    /// The unsent mails have to be counted first.
    Count,
    /// None before this delay has passed.
    Wait(Duration),
}

/// The state of the queue at a look.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    /// Number of deliveries in the queue.
    depth: u64,
    /// The deliveries and messages that had been received by then.
    received: Received,
}

/// The pace at which this notifier takes messages.
#[derive(Debug)]
pub(crate) struct Pace {
    settings: PaceSettings,
    /// The last look.
    looked_at: Option<Instant>,
    /// The look since which arriving messages are counted.
    reference: Option<Look>,
    /// Deliveries and messages that were received since a look. Their ratio is the size of a batch.
    batch_ratio: Received,
    busy_until: Option<Instant>,
    /// Time before which no messages are taken.
    not_before: Instant,
    /// Number of mails that may be added before they are counted again.
    room: u32,
    /// Since when there has been no room.
    waiting_since: Option<Instant>,
}

impl Pace {
    pub(crate) const fn new(settings: PaceSettings, now: Instant) -> Self {
        Self {
            settings,
            looked_at: None,
            reference: None,
            batch_ratio: Received { deliveries: 1, messages: 1 },
            busy_until: None,
            not_before: now,
            room: 0,
            waiting_since: None,
        }
    }

    /// Returns the number up to which unsent mails are counted.
    pub(crate) const fn max_backlog(&self) -> u32 {
        self.settings.max_backlog
    }

    /// Returns whether the depth of the queue should be reported.
    pub(crate) fn should_look(&self, now: Instant) -> bool {
        self.looked_at.is_none_or(|at| now.duration_since(at) >= LOOK_INTERVAL)
    }

    /// Reports the number of deliveries in the queue, and those that have been received. Returns the estimated number of messages in
    /// the queue.
    pub(crate) fn looked(&mut self, depth: u32, received: Received, now: Instant) -> u64 {
        let depth = u64::from(depth);
        self.looked_at = Some(now);
        let reference = *self.reference.get_or_insert(Look { at: now, depth, received });
        let new = Received {
            deliveries: received.deliveries.saturating_sub(reference.received.deliveries),
            messages: received.messages.saturating_sub(reference.received.messages),
        };
        if new.deliveries > 0 {
            self.batch_ratio = new;
        }
        let arrived = self.messages_in(depth.saturating_add(new.deliveries).saturating_sub(reference.depth));
        let elapsed = now.duration_since(reference.at).max(COUNTED_TIME);
        // Messages per second above the limit, without a division.
        if self.settings.busy_from > 0 && u128::from(arrived) * 1_000 > u128::from(self.settings.busy_from) * elapsed.as_millis() {
            self.busy_until = Some(now + CALM_AFTER);
        }
        if now.duration_since(reference.at) >= COUNTED_TIME {
            self.reference = Some(Look { at: now, depth, received });
        }
        self.messages_in(depth)
    }

    /// Returns the estimated number of messages in a number of deliveries.
    fn messages_in(&self, deliveries: u64) -> u64 {
        deliveries.saturating_mul(self.batch_ratio.messages) / self.batch_ratio.deliveries.max(1)
    }

    /// Returns how many messages may be taken.
    pub(crate) fn permit(&mut self, now: Instant) -> Permit {
        if now < self.not_before {
            return Permit::Wait(self.not_before.duration_since(now));
        }
        if self.room == 0 {
            return Permit::Count;
        }
        let max = if self.is_busy(now) { self.settings.busy_rate } else { self.room };
        Permit::Take(usize::try_from(max.min(self.room)).unwrap_or(usize::MAX))
    }

    /// Reports the number of mails that have not been sent.
    pub(crate) fn counted(&mut self, unsent: u32, now: Instant) {
        self.room = self.settings.max_backlog.saturating_sub(unsent);
        if self.room > 0 {
            self.waiting_since = None;
            return;
        }
        let since = *self.waiting_since.get_or_insert(now);
        if now.duration_since(since) >= MAX_WAIT {
            (self.room, self.waiting_since) = (self.settings.max_backlog, None);
        } else {
            self.not_before = now + RECOUNT_DELAY;
        }
    }

    /// Reports that messages were taken and stored.
    pub(crate) fn took(&mut self, messages: usize, now: Instant) {
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.room = self.room.saturating_sub(messages);
        let gap = if self.is_busy(now) { Duration::from_secs(messages.into()) / self.settings.busy_rate } else { MIN_GAP };
        self.not_before = now + gap;
    }

    fn is_busy(&self, now: Instant) -> bool {
        self.busy_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: PaceSettings = PaceSettings { max_backlog: 500, busy_from: 1_000, busy_rate: 50 };

    fn received(deliveries: u64, messages: u64) -> Received {
        Received { deliveries, messages }
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn messages_are_taken_as_fast_as_mails_leave() {
        let start = Instant::now();
        let mut pace = Pace::new(SETTINGS, start);
        assert_eq!(pace.permit(start), Permit::Count);
        pace.counted(200, start);
        assert_eq!(pace.permit(start), Permit::Take(300));
        pace.took(300, start);
        assert_eq!(pace.permit(start), Permit::Wait(MIN_GAP));
        assert_eq!(pace.permit(start + MIN_GAP), Permit::Count);
        pace.counted(500, start + MIN_GAP);
        assert_eq!(pace.permit(start + MIN_GAP), Permit::Wait(RECOUNT_DELAY));
        pace.counted(499, start + millis(100));
        assert_eq!(pace.permit(start + millis(100)), Permit::Take(1));
    }

    #[test]
    fn messages_are_not_held_forever_if_no_mail_leaves() {
        let start = Instant::now();
        let mut pace = Pace::new(SETTINGS, start);
        for second in 0..60 {
            pace.counted(500, start + Duration::from_secs(second));
            assert!(matches!(pace.permit(start + Duration::from_secs(second)), Permit::Wait(_)), "{second}");
        }
        pace.counted(500, start + MAX_WAIT);
        assert_eq!(pace.permit(start + MAX_WAIT), Permit::Take(500));
        pace.took(500, start + MAX_WAIT);
        pace.counted(1_000, start + MAX_WAIT + MIN_GAP);
        assert!(matches!(pace.permit(start + MAX_WAIT + MIN_GAP), Permit::Wait(_)));
    }

    #[test]
    fn few_messages_are_taken_while_the_box_office_is_busy() {
        let start = Instant::now();
        let mut pace = Pace::new(SETTINGS, start);
        pace.counted(0, start);
        assert!(pace.should_look(start));
        pace.looked(10_000, received(0, 0), start);
        assert_eq!(pace.permit(start), Permit::Take(500), "a long queue alone does not tell that messages arrive");
        pace.took(60, start);
        assert!(!pace.should_look(start + millis(99)) && pace.should_look(start + millis(100)));
        // 940 more in the queue, and 60 taken: as many as in a second that is not busy.
        pace.looked(10_940, received(60, 60), start + millis(100));
        assert_eq!(pace.permit(start + millis(100)), Permit::Take(440));
        // A sale is noticed as soon as more have arrived, not after a second.
        pace.looked(10_941, received(60, 60), start + millis(200));
        assert_eq!(pace.permit(start + millis(200)), Permit::Take(50));
        pace.took(50, start + millis(200));
        assert_eq!(pace.permit(start + millis(200)), Permit::Wait(Duration::from_secs(1)));
        // The queue gets shorter from now on.
        pace.looked(10_000, received(60, 60), start + millis(1_200));
        assert_eq!(pace.permit(start + millis(1_200)), Permit::Take(50));
        assert_eq!(pace.permit(start + millis(200) + CALM_AFTER), Permit::Take(390));
    }

    #[test]
    fn batches_that_are_counted_late_do_not_make_the_box_office_busy() {
        let start = Instant::now();
        let mut pace = Pace::new(SETTINGS, start);
        pace.counted(0, start);
        pace.looked(284, received(0, 0), start);
        // In each tenth of a second, 3 batches of 64 messages are taken, of which the queue shows none at first.
        for tenth in 1..=40_u32 {
            let taken = u64::from(tenth) * 3;
            let shown = if tenth % 2 == 1 { 284 - (tenth - 1) * 3 } else { 284 - tenth * 3 };
            pace.looked(shown, received(taken, taken * 64), start + millis(100) * tenth);
            assert_eq!(pace.permit(start + millis(100) * tenth), Permit::Take(500), "{tenth}");
        }
    }

    #[test]
    fn the_messages_of_batches_count_one_by_one() {
        let start = Instant::now();
        let mut pace = Pace::new(SETTINGS, start);
        pace.counted(0, start);
        assert_eq!(pace.looked(4, received(0, 0), start), 4, "the size of a batch is not known yet");
        // 32 more in the queue, and 2 received with 60 messages: 34 batches of 30 messages in 100 ms.
        assert_eq!(pace.looked(36, received(2, 60), start + millis(100)), 1_080);
        assert_eq!(pace.permit(start + millis(100)), Permit::Take(50));
        assert_eq!(pace.looked(36, received(2, 60), start + millis(1_100)), 1_080);
        assert_eq!(pace.looked(36, received(2, 60), start + millis(1_200)), 1_080, "nothing new was received");
    }

    #[test]
    fn the_box_office_is_never_busy_without_a_limit() {
        let start = Instant::now();
        let mut pace = Pace::new(PaceSettings { busy_from: 0, ..SETTINGS }, start);
        pace.counted(0, start);
        pace.looked(0, received(0, 0), start);
        pace.looked(1_000_000, received(0, 0), start + millis(100));
        assert_eq!(pace.permit(start + millis(100)), Permit::Take(500));
    }
}
