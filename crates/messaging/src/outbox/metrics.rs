//! What a relay counts.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::amqp::LinkMetrics;

/// Numbers of a relay and its link. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct RelayMetrics {
    /// The link to the broker.
    pub link: LinkMetrics,
    /// Whether this relay leads.
    pub is_leader: Gauge,
    /// Rows that the broker confirmed and that were deleted.
    pub published: Counter,
    /// Times that the broker refused or returned a row.
    pub refused: Counter,
    /// Rows that were set aside.
    pub set_aside: Counter,
    /// Rows in the outbox, counted up to 100,000. Every replica reports it.
    pub depth: Gauge,
    /// Age of the oldest row in seconds. Every replica reports it.
    pub oldest_age: Gauge<f64, AtomicU64>,
    /// Times that the relay had to begin anew after an error.
    pub restarts: Counter,
}

impl RelayMetrics {
    /// Makes the numbers visible, as `outbox_…` and `amqp_…`.
    pub fn register(&self, registry: &mut Registry) {
        self.link.register(registry);
        let registry = registry.sub_registry_with_prefix("outbox");
        registry.register("is_leader", "Whether this relay leads", self.is_leader.clone());
        registry.register("published_rows", "Rows confirmed by the broker and deleted", self.published.clone());
        registry.register("refused_rows", "Times that the broker refused or returned a row", self.refused.clone());
        registry.register("set_aside_rows", "Rows set aside after too many refusals", self.set_aside.clone());
        registry.register("depth_rows", "Rows in the outbox, counted up to 100000", self.depth.clone());
        registry.register("oldest_row_age_seconds", "Age of the oldest row in the outbox", self.oldest_age.clone());
        registry.register("relay_restarts", "Times that the relay began anew after an error", self.restarts.clone());
    }
}

/// Shows this relay as the leader for as long as it lives.
pub(super) struct LeaderGuard(Gauge);

impl LeaderGuard {
    pub(super) fn new(metrics: &RelayMetrics) -> Self {
        metrics.is_leader.set(1);
        Self(metrics.is_leader.clone())
    }
}

impl Drop for LeaderGuard {
    fn drop(&mut self) {
        self.0.set(0);
    }
}
