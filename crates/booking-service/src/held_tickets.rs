//! Metrics for held tickets and overdue reservations, polled from the database: the number held, the age of the oldest, and by how
//! long a reservation is overdue. They show whether the reallocation worker keeps up.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rowlock_inventory::queries::held_tickets;
use rowlock_postgres::Reader;
use tokio_util::sync::CancellationToken;

/// Polling interval.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Gauges for held tickets. Every replica reports the same values.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldTicketMetrics {
    tickets: Gauge,
    oldest_age: Gauge<f64, AtomicU64>,
    overdue: Gauge<f64, AtomicU64>,
}

impl HeldTicketMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "reservations_overdue_seconds",
            "Longest time in seconds for which a booking has been reserved after its time was over",
            self.overdue.clone(),
        );
        let registry = registry.sub_registry_with_prefix("held");
        registry.register("tickets", "Tickets held for the waiting lists, over all ticket types", self.tickets.clone());
        registry.register(
            "oldest_age_seconds",
            "Longest time in seconds for which a ticket type has had held tickets",
            self.oldest_age.clone(),
        );
    }

    /// Polls the database until `stop` is cancelled. While the database is unavailable, the gauges keep their last values.
    pub(crate) async fn poll(self, reader: Reader, stop: CancellationToken) {
        loop {
            match reader.run(held_tickets).await {
                Ok(held) => {
                    self.tickets.set(held.tickets);
                    self.oldest_age.set(held.oldest_seconds);
                    self.overdue.set(held.overdue_seconds);
                }
                Err(error) => tracing::debug!(%error, "could not count the held tickets"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }
}
