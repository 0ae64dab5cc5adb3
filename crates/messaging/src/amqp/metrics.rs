//! Metrics of the broker links of a process.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Metrics of broker links. Clones share their values.
#[derive(Debug, Clone, Default)]
pub struct LinkMetrics {
    /// Number of links that are up.
    pub up: Gauge,
    /// Number of links opened, including reconnections.
    pub connects: Counter,
    /// Number of messages that the broker confirmed.
    pub confirmed: Counter,
    /// Number of messages that the broker rejected or that were invalid and not sent.
    pub refused: Counter,
    /// Number of mandatory messages that were returned because no queue was bound to their routing key.
    pub returned: Counter,
    /// Number of deliveries received.
    pub delivered: Counter,
    /// Number of deliveries moved to a retry queue.
    pub retried: Counter,
    /// Number of deliveries moved to a dead-letter queue.
    pub dead_lettered: Counter,
}

impl LinkMetrics {
    /// Registers the metrics as `amqp_…`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("amqp");
        registry.register("links_up", "Connections to RabbitMQ that are up", self.up.clone());
        registry.register("connects", "Connections to RabbitMQ opened, including reconnections", self.connects.clone());
        registry.register("confirmed_messages", "Messages that RabbitMQ confirmed", self.confirmed.clone());
        registry.register("refused_messages", "Messages that RabbitMQ rejected or that were invalid and not sent", self.refused.clone());
        registry.register(
            "returned_messages",
            "Mandatory messages returned because no queue was bound to their routing key",
            self.returned.clone(),
        );
        registry.register("delivered_messages", "Deliveries received", self.delivered.clone());
        registry.register("retried_messages", "Deliveries moved to a retry queue", self.retried.clone());
        registry.register("dead_lettered_messages", "Deliveries moved to a dead-letter queue", self.dead_lettered.clone());
    }
}

/// Counts one link as up until the guard is dropped.
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
