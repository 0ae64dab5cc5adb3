//! Finds the events that start soon, and stores a broadcast that reminds their holders.
//!
//! The notifier asks booking-service instead of remembering start times from messages. So an event that was moved is announced before
//! its new start, and nothing is missed while no notifier runs.

use std::time::Duration;

use rowlock_platform::clock::Clock;
use tokio_util::sync::CancellationToken;

use super::ReminderTimes;
use crate::events::Events;
use crate::settings::BroadcastSettings;
use crate::store::{NewReminder, Store};

/// Looks for events that start soon. Any number of notifiers may do this at the same time.
pub(crate) struct ReminderFinder {
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
    pub(crate) settings: BroadcastSettings,
    /// How long settled broadcasts are kept.
    pub(crate) keep: Duration,
    pub(crate) stop: CancellationToken,
}

impl ReminderFinder {
    /// Runs until `stop` is cancelled.
    pub(crate) async fn run(self) {
        loop {
            if !self.settings.reminders.before.is_zero()
                && let Err(reason) = self.find(self.settings.reminders).await
            {
                tracing::warn!(%reason, "events that start soon cannot be looked up; trying again");
            }
            if let Err(error) = self.store.delete_old_broadcasts(self.keep).await {
                tracing::warn!(%error, "old broadcasts cannot be deleted; trying again");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(self.settings.interval) => {}
            }
        }
    }

    /// Stores reminders of the events that start soon.
    async fn find(&self, times: ReminderTimes) -> Result<(), String> {
        let now = self.clock.now();
        let (earliest, latest) = (times.earliest_start(now), times.latest_start(now));
        let mut cursor = None;
        loop {
            let page = self.events.starting(now, latest, cursor.as_deref()).await?;
            // The list begins with the events that are running.
            let starts = page.items.iter().filter_map(|event| Some((event.id, event.starts_at.filter(|start| *start > earliest)?)));
            let reminders: Vec<_> = starts.map(|(event, starts_at)| NewReminder { message: self.clock.uuid(), event, starts_at }).collect();
            let stored = self.store.insert_reminders(reminders, times.before).await.map_err(|error| error.to_string())?;
            if stored > 0 {
                tracing::info!(events = stored, "holders of tickets of events that start soon are reminded");
            }
            cursor = page.next_cursor;
            if cursor.is_none() || self.stop.is_cancelled() {
                return Ok(());
            }
        }
    }
}
