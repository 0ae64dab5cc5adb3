//! The running worker: management port, consumer, sweep and expiry.

use std::sync::Arc;

use rowlock_http::management::{self, Readiness};
use rowlock_inventory::{Inventory, InventoryConfig, MIGRATIONS, MessageFormat};
use rowlock_messaging::amqp::LinkMetrics;
use rowlock_messaging::outbox::OutboxNotifier;
use rowlock_platform::clock::Clock;
use rowlock_platform::database::wait_for_schema;
use rowlock_platform::lifecycle::Lifecycle;
use rowlock_platform::running::Running;
use rowlock_platform::telemetry::{Metrics, TraceError, Traces, TransactionMetrics};
use rowlock_postgres::{DatabaseError, Pool, build_keyed_pool};

use crate::consume::ReleasedTicketsConsumer;
use crate::expiry::Expirer;
use crate::metrics::WorkerMetrics;
use crate::reallocator::Reallocator;
use crate::settings::WorkerSettings;
use crate::sweep::{SweepReader, sweep};

/// CloudEvents `source` of the messages that the worker writes.
const SOURCE: &str = "/rowlock/reallocation-worker";

/// The reason why the worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The worker cannot listen on the management port.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// The connection pool cannot be built from the database URL.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The exporter for traces cannot be built.
    #[error("cannot export traces to telemetry.otlp_endpoint: {0}")]
    Traces(#[from] TraceError),
}

/// Binds the management port and starts the worker, which becomes ready in the background.
///
/// # Panics
///
/// Panics outside a tokio runtime.
pub fn start(settings: WorkerSettings, clock: Clock) -> Result<Running, StartError> {
    let operators = rowlock_http::bind(settings.management.listen)?;
    let management_addr = operators.local_addr()?;
    let pool = build_keyed_pool(&settings.database.url, settings.database.pool_size, settings.database.limits, "reallocation-worker")?;
    let lifecycle = Lifecycle::default();
    let stop = lifecycle.draining.clone();
    let traces = Traces::start(&settings.traces, "reallocation-worker")?;
    let metrics = Metrics::default();
    metrics.register_pool(&pool);
    let worker = Worker { settings, clock, pool, metrics, traces, lifecycle };
    let readiness = Readiness::of(&worker.settings.database, &MIGRATIONS, worker.lifecycle.draining.clone())?;
    management::start(operators, readiness, &worker.metrics, &worker.lifecycle);
    tracing::info!(%management_addr, "started; waiting until the database is ready");
    let ended = tokio::spawn(worker.run());
    Ok(Running::new(None, management_addr, stop, ended))
}

struct Worker {
    settings: WorkerSettings,
    clock: Clock,
    pool: Pool,
    metrics: Metrics,
    traces: Traces,
    lifecycle: Lifecycle,
}

impl Worker {
    /// Runs until the worker is stopped, then finishes the transactions in flight.
    async fn run(self) -> std::io::Result<()> {
        let draining = &self.lifecycle.draining;
        if wait_for_schema(&self.pool, &MIGRATIONS, draining).await {
            tracing::info!("ready");
            let reallocator = self.reallocator();
            let (consuming, sweeping) = (self.consume(reallocator.clone()), self.sweep(reallocator.clone()));
            tokio::join!(consuming, sweeping, self.expire(reallocator), draining.cancelled());
        }
        self.lifecycle.shut_down().await;
        self.traces.stop().await;
        tracing::info!("stopped");
        Ok(())
    }

    fn reallocator(&self) -> Reallocator {
        let notifier = OutboxNotifier::start(self.settings.database.session_url.clone(), self.lifecycle.stopping.clone());
        let clock = self.clock.clone();
        let metrics = WorkerMetrics::default();
        self.metrics.register(|registry| metrics.register(registry));
        let transactions = TransactionMetrics::default();
        self.metrics.register(|registry| transactions.register(registry));
        let inventory = Inventory::new(InventoryConfig {
            pool: self.pool.clone(),
            new_id: Arc::new(move || clock.uuid()),
            render: Arc::new(|_| None),
            on_messages: Arc::new(move |urgency| notifier.notify_of(urgency)),
            on_transaction: Arc::new(move |took| transactions.observe(took.lock, took.commit)),
            messages: MessageFormat { source: SOURCE, max_batch_items: self.settings.work.max_batch_items },
            response_timeout: self.settings.database.limits.response_timeout(),
            resolve_timeout: self.settings.work.resolve_for,
            one_event_per_transaction: self.settings.work.one_event_per_transaction,
        });
        Reallocator { inventory, limit: self.settings.work.max_promotions, metrics, traces: self.traces.clone() }
    }

    async fn consume(&self, reallocator: Reallocator) {
        if !self.settings.work.messages {
            return;
        }
        let metrics = LinkMetrics::default();
        self.metrics.register(|registry| metrics.register(registry));
        let consumer = ReleasedTicketsConsumer {
            reallocator,
            sweep_reader: SweepReader {
                pool: self.pool.clone(),
                response_timeout: self.settings.database.limits.response_timeout(),
                batch: 1,
            },
            amqp: self.settings.amqp.clone(),
            prefetch: self.settings.work.prefetch,
            // Leaves one connection for the consumer's batches and one for the sweep.
            max_lock_waiters: self.settings.database.pool_size.saturating_sub(2).min(4),
            clock: self.clock.clone(),
            metrics,
            stop: self.lifecycle.draining.clone(),
        };
        consumer.run().await;
    }

    async fn expire(&self, reallocator: Reallocator) {
        let settings = self.settings.work;
        if let Some(interval) = settings.expiry_interval {
            let response_timeout = self.settings.database.limits.response_timeout();
            let expirer = Expirer { reallocator, pool: self.pool.clone(), response_timeout, interval };
            expirer.run(self.lifecycle.draining.clone()).await;
        }
    }

    async fn sweep(&self, reallocator: Reallocator) {
        let settings = self.settings.work;
        if settings.sweep {
            let reader = SweepReader {
                pool: self.pool.clone(),
                response_timeout: self.settings.database.limits.response_timeout(),
                batch: settings.sweep_batch,
            };
            sweep(reallocator, reader, settings.sweep_interval, self.lifecycle.draining.clone()).await;
        }
    }
}
