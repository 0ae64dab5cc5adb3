//! Metrics of webhooks.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::model::Sent;
use crate::store::webhooks::WebhookBacklog;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Metrics of webhooks. Clones share their values.
#[derive(Debug, Clone)]
pub(crate) struct WebhookMetrics {
    requests: Family<OutcomeLabel, Counter>,
    duration: Histogram,
    failing: Gauge,
    switched_off: Gauge,
    pending: Gauge,
    oldest: Gauge<f64, AtomicU64>,
}

impl Default for WebhookMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            duration: Histogram::new([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]),
            failing: Gauge::default(),
            switched_off: Gauge::default(),
            pending: Gauge::default(),
            oldest: Gauge::default(),
        }
    }
}

impl WebhookMetrics {
    /// Registers the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("webhooks");
        registry.register("requests", "Requests to webhooks, by their outcome", self.requests.clone());
        registry.register("request_duration_seconds", "Time until the response of a receiver", self.duration.clone());
        registry.register("failing", "Webhooks whose last request failed", self.failing.clone());
        registry.register("switched_off", "Webhooks that were switched off because of their receiver", self.switched_off.clone());
        registry.register("pending", "Deliveries to webhooks that have not been sent", self.pending.clone());
        registry.register(
            "oldest_due_seconds",
            "Delay of the delivery that has been due for longest, of webhooks that do not fail",
            self.oldest.clone(),
        );
        // So that each outcome is shown before it occurs.
        for outcome in ["delivered", "failed", "gone"] {
            drop(self.requests.get_or_create(&OutcomeLabel { outcome }));
        }
    }

    /// Counts a request.
    pub(crate) fn count(&self, sent: &Sent) {
        let outcome = match sent.error() {
            None => "delivered",
            Some(_) if sent.is_gone() => "gone",
            Some(_) => "failed",
        };
        self.requests.get_or_create(&OutcomeLabel { outcome }).inc();
        self.duration.observe(sent.attempt.took.as_secs_f64());
    }

    /// Shows the state of all webhooks.
    pub(crate) fn show(&self, backlog: WebhookBacklog) {
        self.failing.set(backlog.failing);
        self.switched_off.set(backlog.switched_off);
        self.pending.set(backlog.pending);
        self.oldest.set(backlog.oldest_due_seconds);
    }
}
