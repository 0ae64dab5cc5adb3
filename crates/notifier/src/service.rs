//! The running notifier: management port, consumer, senders and housekeeping.

use std::sync::Arc;

use rowlock_http::management::{self, Readiness};
use rowlock_http::service_client;
use rowlock_messaging::amqp::LinkMetrics;
use rowlock_platform::clock::Clock;
use rowlock_platform::database::wait_for_schema;
use rowlock_platform::lifecycle::Lifecycle;
use rowlock_platform::running::Running;
use rowlock_platform::telemetry::{Metrics, TraceError, Traces};
use rowlock_postgres::{DatabaseError, Pool, build_keyed_pool};
use tokio::sync::{Mutex, Notify};

use crate::MIGRATIONS;
use crate::consume::MessageConsumer;
use crate::contacts::Contacts;
use crate::events::Events;
use crate::housekeeping::keep_house;
use crate::mail::Composer;
use crate::metrics::DeliveryMetrics;
use crate::prepare::Preparer;
use crate::rate::Rate;
use crate::sender::Sender;
use crate::settings::{NotifierSettings, TransportSettings};
use crate::store::Store;
use crate::transport::Transport;

/// Number of mails that are written into a folder at the same time.
const FOLDER_CONCURRENCY: usize = 4;

/// The reason why the notifier could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The notifier cannot listen on the management port.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// The connection pool cannot be built from the database URL.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The exporter for traces cannot be built.
    #[error("cannot export traces to telemetry.otlp_endpoint: {0}")]
    Traces(#[from] TraceError),
    /// The client for requests to the other services cannot be built.
    #[error("cannot build the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// Connections to the SMTP server cannot be encrypted.
    #[error("cannot use TLS for smtp.host: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    /// The texts of the mails cannot be read.
    #[error("the texts of the mails are invalid: {0}")]
    Texts(String),
}

/// Binds the management port and starts the notifier, which becomes ready in the background.
///
/// # Panics
///
/// Panics outside a tokio runtime.
pub fn start(settings: NotifierSettings, clock: Clock) -> Result<Running, StartError> {
    let operators = rowlock_http::bind(settings.management.listen)?;
    let management_addr = operators.local_addr()?;
    let pool = build_keyed_pool(&settings.database.url, settings.database.pool_size, settings.database.limits, "notifier")?;
    let lifecycle = Lifecycle::default();
    let stop = lifecycle.draining.clone();
    let traces = Traces::start(&settings.traces, "notifier")?;
    let metrics = Metrics::default();
    metrics.register_pool(&pool);
    let readiness = Readiness::of(&settings.database, &MIGRATIONS, stop.clone())?;
    let notifier = Notifier::new(settings, clock, pool, &metrics, lifecycle)?;
    management::start(operators, readiness, &metrics, &notifier.lifecycle);
    tracing::info!(%management_addr, "started; waiting until the database is ready");
    let ended = tokio::spawn(notifier.run(traces));
    Ok(Running::new(None, management_addr, stop, ended))
}

struct Notifier {
    pool: Pool,
    lifecycle: Lifecycle,
    store: Store,
    consumer: MessageConsumer,
    sender: Sender,
    metrics: DeliveryMetrics,
}

impl Notifier {
    fn new(settings: NotifierSettings, clock: Clock, pool: Pool, metrics: &Metrics, lifecycle: Lifecycle) -> Result<Self, StartError> {
        let http = service_client(settings.api.timeout).build()?;
        let store = Store::new(pool.clone(), settings.database.limits.response_timeout());
        let (delivery_metrics, link_metrics) = (DeliveryMetrics::default(), LinkMetrics::default());
        metrics.register(|registry| delivery_metrics.register(registry));
        metrics.register(|registry| link_metrics.register(registry));
        let wake = Arc::new(Notify::new());
        let transport = Transport::new(&settings.mail)?;
        let composer = Composer::new(&settings.mail, settings.site, settings.sealing, clock.clone()).map_err(StartError::Texts)?;
        let preparer = Preparer {
            contacts: Contacts::new(http.clone(), &settings.api.auth_url),
            events: Events::new(http, &settings.api.booking_url, settings.api.keep),
            composer,
            default_language: settings.mail.default_language,
        };
        let concurrency = match &settings.mail.transport {
            TransportSettings::Smtp(smtp) => smtp.connections.div_ceil(SENDERS),
            TransportSettings::Folder(_) => FOLDER_CONCURRENCY,
        };
        let consumer = MessageConsumer {
            store: store.clone(),
            amqp: settings.amqp,
            prefetch: settings.work.prefetch,
            clock,
            link_metrics,
            metrics: delivery_metrics.clone(),
            wake: wake.clone(),
            stop: lifecycle.draining.clone(),
        };
        let sender = Sender {
            store: store.clone(),
            preparer: Arc::new(preparer),
            transport: Arc::new(transport),
            rate: Arc::new(Mutex::new(Rate::new(settings.mail.per_minute))),
            work: settings.work,
            retries: settings.mail.retries,
            concurrency,
            metrics: delivery_metrics.clone(),
            wake,
            stop: lifecycle.draining.clone(),
        };
        Ok(Self { pool, lifecycle, store, consumer, sender, metrics: delivery_metrics })
    }

    /// Runs until the notifier is stopped, then finishes the mails in flight.
    async fn run(self, traces: Traces) -> std::io::Result<()> {
        let draining = &self.lifecycle.draining;
        if wait_for_schema(&self.pool, &MIGRATIONS, draining).await {
            tracing::info!("ready");
            let transport = self.sender.transport.clone();
            let house = keep_house(self.store, self.sender.work, self.metrics, draining.clone());
            // In tasks of their own, so that they use several processors.
            let senders: Vec<_> = (0..SENDERS).map(|_| tokio::spawn(self.sender.clone().run())).collect();
            tokio::join!(self.consumer.run(), house, draining.cancelled());
            for sender in senders {
                if let Err(error) = sender.await {
                    tracing::error!(%error, "a sender panicked; the deliveries that it had claimed become unclear");
                }
            }
            transport.close().await;
        }
        self.lifecycle.shut_down().await;
        traces.stop().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Number of batches that are sent at the same time: while one is being stored, the other is sent.
const SENDERS: usize = 2;
