//! How many tickets are held, and for how long: whether the worker keeps up, as anybody sees who looks at the database.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rowlock_inventory::queries::held_tickets;
use rowlock_postgres::Reader;
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);

/// Every replica reports the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldMetrics {
    tickets: Gauge,
    oldest: Gauge<f64, AtomicU64>,
}

impl HeldMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("held");
        registry.register("tickets", "Tickets held for the waiting lists, all types together", self.tickets.clone());
        registry.register("oldest_age_seconds", "Since when a type has had held tickets without a pause", self.oldest.clone());
    }

    /// Looks until told to stop. While the database is away the last numbers stay.
    pub(crate) async fn keep_fresh(self, reader: Reader, stop: CancellationToken) {
        loop {
            match reader.run(held_tickets).await {
                Ok(held) => {
                    self.tickets.set(held.tickets);
                    self.oldest.set(held.oldest_seconds);
                }
                Err(error) => tracing::debug!(%error, "the held tickets were not counted"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
