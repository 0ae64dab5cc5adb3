//! The background job: writes the deliveries of broadcasts, one page of holders at a time.

use std::sync::Arc;
use std::time::Duration;

use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{CHANGED_BACK, ClaimedBroadcast, NOT_VISIBLE_YET, Occasion, Recipient, reason_to_skip};
use crate::events::Events;
use crate::holders::Holders;
use crate::metrics::DeliveryMetrics;
use crate::settings::BroadcastSettings;
use crate::store::{Page, Progress, Store};

/// Delay before a page is tried again that another service could not deliver.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Delay before the next look at an event whose change is not visible yet, because booking-service or the notifier cached it.
const VISIBILITY_DELAY: Duration = Duration::from_secs(1);

/// Writes the deliveries of broadcasts. Any number of notifiers may do this at the same time.
pub(crate) struct Broadcaster {
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) holders: Holders,
    pub(crate) clock: Clock,
    pub(crate) settings: BroadcastSettings,
    /// Time between two searches for pages that are due.
    pub(crate) poll_interval: Duration,
    pub(crate) metrics: DeliveryMetrics,
    /// Wakes the sender.
    pub(crate) wake: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

impl Broadcaster {
    /// Runs until `stop` is cancelled. The page in progress is finished.
    pub(crate) async fn run(self) {
        while !self.stop.is_cancelled() {
            let more = match self.write_next_page().await {
                Ok(more) => more,
                Err(error) => {
                    tracing::warn!(%error, "the holders of tickets cannot be told about a change or a start yet; trying again");
                    false
                }
            };
            if !more {
                self.show_backlog().await;
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = tokio::time::sleep(self.poll_interval) => {}
                }
            }
        }
    }

    async fn show_backlog(&self) {
        // If the database is away, housekeeping logs it.
        if let Ok(backlog) = self.store.broadcast_backlog().await {
            self.metrics.show_broadcasts(backlog);
        }
    }

    /// Claims and writes one page. Returns whether there may be another one to write at once.
    async fn write_next_page(&self) -> Result<bool, DatabaseError> {
        // Mails about new bookings must not wait behind those of a whole event, so only as many are written as are sent soon.
        if self.store.due_deliveries(self.settings.max_backlog).await? >= self.settings.max_backlog {
            return Ok(false);
        }
        let Some(claimed) = self.store.claim_broadcast(self.settings.lease).await? else { return Ok(false) };
        if matches!(claimed.occasion, Occasion::Changed(_)) && claimed.cursor.is_none() && self.store.merge_into_newer(&claimed).await? {
            return Ok(true);
        }
        let progress = self.progress(&claimed).await;
        if let Progress::Skipped(reason) = progress {
            tracing::info!(event = %claimed.event, kind = claimed.occasion.kind().as_str(), reason, "holders are not told any more");
        }
        let Some(stored) = self.store.advance_broadcast(&claimed, &progress).await? else {
            tracing::warn!(event = %claimed.event, "another notifier has taken over a broadcast whose page took longer than broadcasts.lease_ms");
            return Ok(true);
        };
        self.metrics.count_stored(stored);
        if stored > 0 {
            self.wake.notify_one();
        }
        Ok(!matches!(progress, Progress::Postponed(..)))
    }

    /// Reads the next page of recipients, or decides that there is none.
    async fn progress(&self, claimed: &ClaimedBroadcast) -> Progress {
        let event = match self.events.look_up(claimed.event).await {
            Ok(Some(event)) => event,
            Ok(None) => return Progress::Skipped("the event no longer exists or is not public"),
            Err(reason) => return unavailable(claimed, reason),
        };
        let (now, times) = (self.clock.now(), self.settings.reminders);
        if let Some(reason) = reason_to_skip(claimed.occasion.kind(), &event, times, now) {
            return Progress::Skipped(reason);
        }
        if let Occasion::Changed(change) = &claimed.occasion {
            if event.version < change.version {
                return Progress::Postponed(VISIBILITY_DELAY, NOT_VISIBLE_YET.to_owned());
            }
            if !change.previous.differ_from(&event) {
                return Progress::Skipped(CHANGED_BACK);
            }
        }
        let page = match self.holders.page(claimed.event, claimed.cursor.as_deref()).await {
            Ok(Some(page)) => page,
            Ok(None) => return Progress::Skipped("the event no longer exists or is not public"),
            Err(reason) => return unavailable(claimed, reason),
        };
        let is_told = |booked_at| match claimed.occasion {
            Occasion::Changed(_) => true,
            Occasion::Reminder => times.reminds_of_booking(booked_at, now),
        };
        let told = page.items.iter().filter(|holder| is_told(holder.booked_at));
        let recipients = told.map(|holder| Recipient { account: holder.account_id, quantity: holder.quantity }).collect();
        Progress::Written(Page { recipients, next_cursor: page.next_cursor, reminded_before: times.before })
    }
}

/// Logs that another service is away, and lets the page be tried again.
fn unavailable(claimed: &ClaimedBroadcast, reason: String) -> Progress {
    tracing::warn!(event = %claimed.event, %reason, "not all holders of tickets can be told yet; trying again");
    Progress::Postponed(RETRY_DELAY, reason)
}
