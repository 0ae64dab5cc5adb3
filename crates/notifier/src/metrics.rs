//! Metrics of the notifier.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::delivery::Outcome;
use crate::store::{Backlog, BroadcastBacklog};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Metrics of deliveries. Clones share their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryMetrics {
    stored: Counter,
    waiting: Gauge,
    outcomes: Family<OutcomeLabel, Counter>,
    unclear: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    broadcasts: Gauge,
    oldest_broadcast: Gauge<f64, AtomicU64>,
}

impl DeliveryMetrics {
    /// Registers the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let of_broadcasts = registry.sub_registry_with_prefix("broadcasts");
        of_broadcasts.register(
            "pending",
            "Announcements to all holders of an event whose deliveries are not written yet",
            self.broadcasts.clone(),
        );
        of_broadcasts.register(
            "oldest_seconds",
            "Age of the oldest announcement whose deliveries are not written yet",
            self.oldest_broadcast.clone(),
        );
        let registry = registry.sub_registry_with_prefix("deliveries");
        registry.register("stored", "Deliveries stored for messages", self.stored.clone());
        registry.register(
            "waiting_messages",
            "Messages about bookings and waiting lists that wait in their queue until they are taken (estimated from the size of batches)",
            self.waiting.clone(),
        );
        registry.register("outcomes", "Attempts to send a delivery, by their outcome", self.outcomes.clone());
        registry.register("unclear", "Deliveries of which it is unknown whether they were sent", self.unclear.clone());
        registry.register("oldest_unsent_seconds", "Age of the oldest delivery that has not been sent", self.oldest.clone());
        // So that each outcome is shown before it occurs.
        for outcome in ["sent", "retry", "failed", "unclear", "skipped", "postponed"] {
            drop(self.outcomes.get_or_create(&OutcomeLabel { outcome }));
        }
    }

    /// Shows the number of messages in the queue.
    pub(crate) fn show_waiting(&self, messages: u64) {
        self.waiting.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }

    /// Counts new deliveries.
    pub(crate) fn count_stored(&self, deliveries: usize) {
        self.stored.inc_by(u64::try_from(deliveries).unwrap_or_default());
    }

    /// Counts the outcome of an attempt.
    pub(crate) fn count(&self, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Sent => "sent",
            Outcome::Retry(_) => "retry",
            Outcome::Failed(_) => "failed",
            Outcome::Unclear(_) => "unclear",
            Outcome::Skipped(_) => "skipped",
            Outcome::Postponed(_) | Outcome::Released => "postponed",
        };
        self.outcomes.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts deliveries that became unclear because their notifier was killed.
    pub(crate) fn count_expired(&self, deliveries: usize) {
        self.outcomes.get_or_create(&OutcomeLabel { outcome: "unclear" }).inc_by(u64::try_from(deliveries).unwrap_or_default());
    }

    /// Shows the broadcasts that are not finished.
    pub(crate) fn show_broadcasts(&self, backlog: BroadcastBacklog) {
        self.broadcasts.set(backlog.pending);
        self.oldest_broadcast.set(backlog.oldest_seconds);
    }

    /// Shows the backlog.
    pub(crate) fn show(&self, backlog: Backlog) {
        self.unclear.set(backlog.unclear);
        self.oldest.set(backlog.oldest_seconds);
    }
}
