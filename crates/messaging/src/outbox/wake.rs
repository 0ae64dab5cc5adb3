//! Requests to publish new rows, which are merged until somebody waits for them.

use rowlock_domain::messages::Urgency;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Requests from any number of tasks to one that waits for them.
#[derive(Debug, Default)]
pub(super) struct WakeRequests {
    routine: Notify,
    urgent: Notify,
}

impl WakeRequests {
    /// Adds a request. It is kept until it is waited for.
    pub(super) fn add(&self, urgency: Urgency) {
        match urgency {
            Urgency::Routine => self.routine.notify_one(),
            Urgency::Urgent => self.urgent.notify_one(),
        }
    }

    /// Waits for an urgent request, or for a routine one and until `routine_from`, and returns the more urgent kind. The waiting task
    /// has to serve all requests then, even if it stopped waiting before this returned.
    pub(super) async fn next(&self, routine_from: Instant) -> Urgency {
        let routine = async {
            self.routine.notified().await;
            sleep_until(routine_from).await;
        };
        tokio::select! {
            biased;
            () = self.urgent.notified() => Urgency::Urgent,
            () = routine => Urgency::Routine,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn routine_requests_wait_for_their_time_and_urgent_ones_do_not() {
        let requests = WakeRequests::default();
        let start = Instant::now();
        let from = start + Duration::from_millis(20);
        requests.add(Urgency::Routine);
        requests.add(Urgency::Routine);
        assert_eq!((requests.next(from).await, start.elapsed()), (Urgency::Routine, Duration::from_millis(20)));

        requests.add(Urgency::Routine);
        requests.add(Urgency::Urgent);
        assert_eq!((requests.next(from + Duration::from_secs(1)).await, start.elapsed()), (Urgency::Urgent, Duration::from_millis(20)));
        let second = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            requests.add(Urgency::Urgent);
        };
        let (urgency, ()) = tokio::join!(requests.next(from + Duration::from_secs(1)), second);
        assert_eq!((urgency, start.elapsed()), (Urgency::Urgent, Duration::from_millis(25)));
    }
}
