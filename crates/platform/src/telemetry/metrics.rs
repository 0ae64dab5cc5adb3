//! The metrics registry of a process, and the metrics that several services share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use rowlock_postgres::Pool;

/// The metrics registry of a process. Clones share it; all names start with `rowlock_`.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Registry::with_prefix("rowlock"))))
    }
}

impl Metrics {
    /// Calls `add` with the registry, so that a component can register its metrics.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Registers the connection counts of a pool, as `database_connections_…`.
    pub fn register_pool(&self, pool: &Pool) {
        self.register(|registry| registry.register_collector(Box::new(PoolMetrics(pool.clone()))));
    }

    /// Returns all metrics in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match encode(&mut text, &registry) {
            Ok(()) => text,
            Err(_) => "# EOF\n".to_owned(),
        }
    }
}

/// Returns a histogram for durations in seconds. Its 17 buckets double from 0.1 ms to 6.5 s.
pub fn short_times() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 17))
}

/// Durations of the transactions that book, cancel and reallocate tickets.
#[derive(Debug, Clone)]
pub struct TransactionMetrics {
    lock: Histogram,
    commit: Histogram,
}

impl Default for TransactionMetrics {
    fn default() -> Self {
        Self { lock: short_times(), commit: short_times() }
    }
}

impl TransactionMetrics {
    /// Registers the metrics as `transaction_…`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("transaction");
        registry.register("lock_seconds", "Time from the start of a transaction until its rows were locked and read", self.lock.clone());
        registry.register("commit_seconds", "Time to write and commit a transaction while its rows were locked", self.commit.clone());
    }

    /// Records the durations of one transaction.
    pub fn observe(&self, lock: Duration, commit: Duration) {
        self.lock.observe(lock.as_secs_f64());
        self.commit.observe(commit.as_secs_f64());
    }
}

/// Reads the connection counts of a pool whenever the metrics are rendered.
struct PoolMetrics(Pool);

impl fmt::Debug for PoolMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolMetrics").finish_non_exhaustive()
    }
}

impl Collector for PoolMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.0.status();
        let numbers = [
            ("database_connections_most", "Maximum number of connections to the database", status.max_size),
            ("database_connections_open", "Open connections to the database", status.size),
            ("database_connections_idle", "Open connections to the database that are idle", status.available),
            ("database_connections_wanted", "Tasks that wait for a connection to the database", status.waiting),
        ];
        for (name, help, number) in numbers {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            ConstGauge::new(number).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}
