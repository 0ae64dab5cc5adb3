//! Metrics of the live streams.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rowlock_messaging::amqp::LinkMetrics;

/// The kind of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamKind {
    /// The availability of an event.
    Event,
    /// The bookings and entries of an account.
    Account,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabels {
    kind: &'static str,
}

impl From<StreamKind> for StreamLabels {
    fn from(kind: StreamKind) -> Self {
        let kind = match kind {
            StreamKind::Event => "event",
            StreamKind::Account => "account",
        };
        Self { kind }
    }
}

/// Metrics of all live streams of a process. Clones share their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveMetrics {
    streams: Family<StreamLabels, Gauge>,
    updates: Family<StreamLabels, Counter>,
    dropped: Family<StreamLabels, Counter>,
    /// The connection to the broker.
    pub(super) link: LinkMetrics,
}

impl LiveMetrics {
    /// Registers these metrics as `live_…`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        // Each series starts at 0, so that the first increase is visible.
        for kind in [StreamKind::Event, StreamKind::Account] {
            drop(self.streams.get_or_create(&kind.into()));
            drop(self.updates.get_or_create(&kind.into()));
            drop(self.dropped.get_or_create(&kind.into()));
        }
        let registry = registry.sub_registry_with_prefix("live");
        registry.register("streams", "Live streams that are open, by kind", self.streams.clone());
        registry.register("updates", "Updates sent to live streams, by kind", self.updates.clone());
        registry.register("dropped_streams", "Live streams dropped because the client did not accept data, by kind", self.dropped.clone());
        self.link.register(registry);
    }

    pub(super) fn opened(&self, kind: StreamKind) {
        self.streams.get_or_create(&kind.into()).inc();
    }

    pub(super) fn closed(&self, kind: StreamKind) {
        self.streams.get_or_create(&kind.into()).dec();
    }

    pub(super) fn updated(&self, kind: StreamKind) {
        self.updates.get_or_create(&kind.into()).inc();
    }

    pub(super) fn dropped(&self, kind: StreamKind) {
        self.dropped.get_or_create(&kind.into()).inc();
    }
}
