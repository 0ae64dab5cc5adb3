//! The metrics of a process, in one registry, and those that several services have.

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

/// The metrics of a process.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Registry::with_prefix("rowlock"))))
    }
}

impl Metrics {
    /// Lets a part add what it counts.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets a pool be seen.
    pub fn register_pool(&self, pool: &Pool) {
        self.register(|registry| registry.register_collector(Box::new(PoolMetrics(pool.clone()))));
    }

    /// All metrics in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match encode(&mut text, &registry) {
            Ok(()) => text,
            Err(_) => "# EOF\n".to_owned(),
        }
    }
}

/// A histogram of times, from 0.1 ms to 6.5 s, doubling.
pub fn short_times() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 17))
}

/// The transactions that move tickets.
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
    /// Makes them visible, as `transaction_…`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("transaction");
        registry.register("lock_seconds", "Time until a transaction had its rows locked and read", self.lock.clone());
        registry.register("commit_seconds", "Time to write and commit a transaction, its rows locked", self.commit.clone());
    }

    /// Notes what a transaction took.
    pub fn observe(&self, lock: Duration, commit: Duration) {
        self.lock.observe(lock.as_secs_f64());
        self.commit.observe(commit.as_secs_f64());
    }
}

/// The connections of a pool, as they are when somebody looks.
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
            ("database_connections_most", "Most connections to the database", status.max_size),
            ("database_connections_open", "Connections to the database", status.size),
            ("database_connections_idle", "Connections to the database that nobody uses", status.available),
            ("database_connections_wanted", "Who waits for a connection to the database", status.waiting),
        ];
        for (name, help, number) in numbers {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            ConstGauge::new(number).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}
