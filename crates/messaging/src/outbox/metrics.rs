//! Metrics of the outbox and its relay.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::amqp::LinkMetrics;

/// Metrics of a relay and its broker link. Clones share their values.
#[derive(Debug, Clone, Default)]
pub struct RelayMetrics {
    /// Metrics of the broker link.
    pub link: LinkMetrics,
    /// 1 if this relay is the active one, otherwise 0.
    pub is_leader: Gauge,
    /// Number of rows that the broker confirmed and the relay deleted.
    pub published: Counter,
    /// Number of times that the broker rejected or returned a row.
    pub refused: Counter,
    /// Number of rows moved to `outbox_failed`.
    pub set_aside: Counter,
    /// Number of rows in the outbox, counted up to 100,000. Every replica reports it.
    pub depth: Gauge,
    /// Age of the oldest row in seconds. Every replica reports it.
    pub oldest_age: Gauge<f64, AtomicU64>,
    /// Number of times that the relay restarted after an error.
    pub restarts: Counter,
}

impl RelayMetrics {
    /// Registers the metrics as `outbox_…` and `amqp_…`.
    pub fn register(&self, registry: &mut Registry) {
        self.link.register(registry);
        let registry = registry.sub_registry_with_prefix("outbox");
        registry.register("is_leader", "1 if this relay is the active one, otherwise 0", self.is_leader.clone());
        registry.register("published_rows", "Outbox rows that RabbitMQ confirmed and the relay deleted", self.published.clone());
        registry.register("refused_rows", "Times that RabbitMQ rejected or returned an outbox row", self.refused.clone());
        registry.register("set_aside_rows", "Outbox rows moved to outbox_failed after too many rejections", self.set_aside.clone());
        registry.register("depth_rows", "Rows in the outbox, counted up to 100000", self.depth.clone());
        registry.register("oldest_row_age_seconds", "Age of the oldest row in the outbox in seconds", self.oldest_age.clone());
        registry.register("relay_restarts", "Times that the relay restarted after an error", self.restarts.clone());
    }
}

/// Reports this relay as the active one until the guard is dropped.
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
