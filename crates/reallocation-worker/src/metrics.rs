//! What the worker counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use rowlock_inventory::command::Reallocated;

/// Counters of the work done.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkMetrics {
    promotions: Counter,
    closed: Counter,
    cancelled: Counter,
    sweeps: Counter,
    swept: Counter,
}

impl WorkMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("waitlist_promotions", "Waiting-list entries that became bookings", self.promotions.clone());
        registry.register("waitlist_closed", "Waiting-list entries closed because their event began or was cancelled", self.closed.clone());
        registry.register("event_cancellations", "Bookings cancelled with their event", self.cancelled.clone());
        registry.register("sweeps", "Sweeps completed", self.sweeps.clone());
        registry.register("swept_ticket_types", "Ticket types that a sweep found with something to do", self.swept.clone());
    }

    pub(crate) fn count(&self, done: Reallocated) {
        self.promotions.inc_by(done.promoted.into());
        self.closed.inc_by(done.closed.into());
        self.cancelled.inc_by(done.cancelled.into());
    }

    pub(crate) fn swept(&self, types: usize) {
        self.sweeps.inc();
        self.swept.inc_by(u64::try_from(types).unwrap_or_default());
    }
}
