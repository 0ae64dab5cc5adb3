//! The running worker: a management port, the consumer, the sweep.

use std::sync::Arc;

use rowlock_http::management::{self, Readiness};
use rowlock_inventory::{Inventory, InventoryParts, MIGRATIONS};
use rowlock_messaging::amqp::LinkMetrics;
use rowlock_messaging::outbox::OutboxNotifier;
use rowlock_platform::clock::Clock;
use rowlock_platform::database::wait_for_schema;
use rowlock_platform::lifecycle::Lifecycle;
use rowlock_platform::running::Running;
use rowlock_platform::telemetry::{Metrics, TraceError, Traces, TransactionMetrics};
use rowlock_postgres::{DatabaseError, Pool, build_keyed_pool};

use crate::consume::Intake;
use crate::metrics::WorkMetrics;
use crate::settings::WorkerSettings;
use crate::sweep::{Look, sweep};
use crate::work::Work;

/// Who writes the messages.
const SOURCE: &str = "/rowlock/reallocation-worker";

/// Why the worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// The database's address cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The way to the collector of traces cannot be made.
    #[error("traces cannot be sent to telemetry.otlp_endpoint: {0}")]
    Traces(#[from] TraceError),
}

/// Takes the management port and starts the worker, which gets ready in the background. To be called within a tokio runtime.
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
    tracing::info!(%management_addr, "started");
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
    /// Works until told to stop, then finishes the transaction in flight.
    async fn run(self) -> std::io::Result<()> {
        let draining = &self.lifecycle.draining;
        if wait_for_schema(&self.pool, &MIGRATIONS, draining).await {
            tracing::info!("ready");
            let work = self.work();
            let (consuming, sweeping) = (self.consume(work.clone()), self.sweep(work));
            tokio::join!(consuming, sweeping, draining.cancelled());
        }
        self.lifecycle.shut_down().await;
        self.traces.stop().await;
        tracing::info!("stopped");
        Ok(())
    }

    fn work(&self) -> Work {
        let notifier = OutboxNotifier::start(self.settings.database.url.clone(), self.lifecycle.stopping.clone());
        let clock = self.clock.clone();
        let metrics = WorkMetrics::default();
        self.metrics.register(|registry| metrics.register(registry));
        let transactions = TransactionMetrics::default();
        self.metrics.register(|registry| transactions.register(registry));
        let inventory = Inventory::new(InventoryParts {
            pool: self.pool.clone(),
            new_id: Arc::new(move || clock.uuid()),
            render: Arc::new(|_| None),
            on_messages: Arc::new(move || notifier.notify()),
            on_transaction: Arc::new(move |took| transactions.observe(took.lock, took.commit)),
            source: SOURCE,
            patience: self.settings.database.limits.response_timeout(),
            resolve_for: self.settings.work.resolve_for,
            one_event_per_transaction: self.settings.work.one_event_per_transaction,
        });
        Work { inventory, limit: self.settings.work.max_promotions, metrics, traces: self.traces.clone() }
    }

    async fn consume(&self, work: Work) {
        if !self.settings.work.messages {
            return;
        }
        let metrics = LinkMetrics::default();
        self.metrics.register(|registry| metrics.register(registry));
        let intake = Intake {
            work,
            look: Look { pool: self.pool.clone(), patience: self.settings.database.limits.response_timeout(), batch: 1 },
            amqp: self.settings.amqp.clone(),
            prefetch: self.settings.work.prefetch,
            // One connection stays for the others, and one for the sweep.
            most_in_line: self.settings.database.pool_size.saturating_sub(2).min(4),
            clock: self.clock.clone(),
            metrics,
            stop: self.lifecycle.draining.clone(),
        };
        intake.run().await;
    }

    async fn sweep(&self, work: Work) {
        let settings = self.settings.work;
        if settings.sweep {
            let look =
                Look { pool: self.pool.clone(), patience: self.settings.database.limits.response_timeout(), batch: settings.sweep_batch };
            sweep(work, look, settings.sweep_interval, self.lifecycle.draining.clone()).await;
        }
    }
}
