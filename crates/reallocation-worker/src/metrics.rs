//! Metrics of the worker.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rowlock_inventory::command::{ExpirySummary, ReallocationSummary};

/// Counters of reallocations, ended reservations and sweeps. Clones share their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkerMetrics {
    promotions: Counter,
    closed: Counter,
    cancelled: Counter,
    sweeps: Counter,
    swept: Counter,
    expired: Counter,
    expiry_delay: Gauge<f64, AtomicU64>,
}

impl WorkerMetrics {
    /// Registers the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("waitlist_promotions", "Waiting-list entries promoted to bookings", self.promotions.clone());
        registry.register(
            "waitlist_closed",
            "Waiting-list entries closed because their waiting list ended or their event was cancelled",
            self.closed.clone(),
        );
        registry.register("event_cancellations", "Bookings cancelled because their event was cancelled", self.cancelled.clone());
        registry.register("reservations_expired", "Reserved bookings that were not confirmed in time", self.expired.clone());
        registry.register(
            "reservation_expiry_delay_seconds",
            "Time between the end of a reservation and the transaction that ended it, the longest of the latest transaction",
            self.expiry_delay.clone(),
        );
        registry.register("sweeps", "Sweeps that read the database", self.sweeps.clone());
        registry.register("swept_ticket_types", "Ticket types that a sweep found to need reallocation", self.swept.clone());
    }

    /// Counts the result of one reallocation.
    pub(crate) fn count(&self, done: ReallocationSummary) {
        self.promotions.inc_by(done.promoted.into());
        self.closed.inc_by(done.closed.into());
        self.cancelled.inc_by(done.cancelled.into());
    }

    /// Counts reservations that were ended in one transaction.
    pub(crate) fn expired(&self, done: ExpirySummary) {
        self.expired.inc_by(done.expired.into());
        self.expiry_delay.set(done.longest_delay.as_seconds_f64());
    }

    /// Counts a sweep and the ticket types that it found.
    pub(crate) fn swept(&self, types: usize) {
        self.sweeps.inc();
        self.swept.inc_by(u64::try_from(types).unwrap_or_default());
    }
}
