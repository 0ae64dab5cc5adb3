//! What the links of a process count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of the links. Clones share their numbers.
#[derive(Debug, Clone, Default)]
pub struct LinkMetrics {
    /// Links that are up.
    pub up: Gauge,
    /// Times that a link was made; all but the first few are reconnections.
    pub connects: Counter,
    /// Messages that the broker confirmed.
    pub confirmed: Counter,
    /// Messages that the broker refused, or that could not be sent.
    pub refused: Counter,
    /// Mandatory messages that no queue took.
    pub returned: Counter,
    /// Deliveries taken from a queue.
    pub delivered: Counter,
    /// Deliveries put off to a retry queue.
    pub retried: Counter,
    /// Deliveries given up.
    pub dead_lettered: Counter,
}

impl LinkMetrics {
    /// Makes the numbers visible, as `amqp_…`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("amqp");
        registry.register("links_up", "Links to the broker that are up", self.up.clone());
        registry.register("connects", "Times that a link to the broker was made", self.connects.clone());
        registry.register("confirmed_messages", "Messages that the broker confirmed", self.confirmed.clone());
        registry.register("refused_messages", "Messages that the broker refused", self.refused.clone());
        registry.register("returned_messages", "Mandatory messages that no queue took", self.returned.clone());
        registry.register("delivered_messages", "Deliveries taken from a queue", self.delivered.clone());
        registry.register("retried_messages", "Deliveries put off to a retry queue", self.retried.clone());
        registry.register("dead_lettered_messages", "Deliveries given up", self.dead_lettered.clone());
    }
}

/// Counts one link as up for as long as it lives.
#[derive(Debug)]
pub(super) struct UpGuard(Gauge);

impl UpGuard {
    pub(super) fn new(metrics: &LinkMetrics) -> Self {
        metrics.connects.inc();
        metrics.up.inc();
        Self(metrics.up.clone())
    }
}

impl Drop for UpGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
