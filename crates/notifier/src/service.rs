//! The running notifier: the HTTP servers, the consumer, broadcasts, the senders, the dispatcher of webhooks, and housekeeping.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use actix_web::web;
use rowlock_http::management::{self, Readiness};
use rowlock_http::revocations::Revocations;
use rowlock_http::tokens::{TokenVerifier, fetch_over_http};
use rowlock_http::{GracefulShutdown, HttpSettings, RateLimit, service_client};
use rowlock_messaging::amqp::Topology;
use rowlock_messaging::outbox::{Relay, RelayMetrics, RelaySettings};
use rowlock_platform::clock::Clock;
use rowlock_platform::database::wait_for_schema;
use rowlock_platform::lifecycle::{Lifecycle, ShutdownSettings};
use rowlock_platform::running::Running;
use rowlock_platform::telemetry::{Metrics, TraceError, Traces};
use rowlock_postgres::{DatabaseError, Pool, build_keyed_pool};
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::MIGRATIONS;
use crate::attachments::TicketAttacher;
use crate::broadcast::{Broadcaster, ReminderFinder};
use crate::consume::MessageConsumer;
use crate::contacts::Contacts;
use crate::events::Events;
use crate::guests::Guests;
use crate::holders::Holders;
use crate::housekeeping::keep_house;
use crate::mail::Composer;
use crate::metrics::DeliveryMetrics;
use crate::prepare::Preparer;
use crate::rate::Rate;
use crate::routes::{self, AdminState, Wakers};
use crate::sender::Sender;
use crate::settings::{NotifierSettings, TransportSettings};
use crate::states::StateReader;
use crate::store::Store;
use crate::transport::Transport;
use crate::webhooks::{Client, Dispatcher, MAX_SETTLING, WebhookMetrics, keep_webhooks};

/// Number of mails that are written into a folder at the same time.
const FOLDER_CONCURRENCY: usize = 4;

/// The reason why the notifier could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The notifier cannot listen on one of its ports.
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

/// Binds both ports and starts the notifier, which becomes ready in the background.
///
/// # Panics
///
/// Panics outside a tokio runtime.
pub fn start(settings: NotifierSettings, clock: Clock) -> Result<Running, StartError> {
    let public = rowlock_http::bind(settings.http.listen)?;
    let operators = rowlock_http::bind(settings.management.listen)?;
    let http_addr = public.local_addr()?;
    let management_addr = operators.local_addr()?;
    let pool = build_keyed_pool(&settings.database.url, settings.database.pool_size, settings.database.limits, "notifier")?;
    let lifecycle = Lifecycle::default();
    let stop = lifecycle.draining.clone();
    let traces = Traces::start(&settings.traces, "notifier")?;
    let metrics = Metrics::default();
    metrics.register_pool(&pool);
    let readiness = Readiness::of(&settings.database, &MIGRATIONS, stop.clone())?;
    let notifier = Notifier::new(settings, clock, pool, metrics, lifecycle)?;
    management::start(operators, readiness, &notifier.metrics, &notifier.lifecycle);
    tracing::info!(%http_addr, %management_addr, "started; waiting until the database is ready");
    let ended = tokio::spawn(notifier.run(public, traces));
    Ok(Running::new(Some(http_addr), management_addr, stop, ended))
}

struct Notifier {
    pool: Pool,
    lifecycle: Lifecycle,
    store: Store,
    /// Consumes the urgent messages.
    urgent: MessageConsumer,
    /// Consumes the others.
    consumer: MessageConsumer,
    sender: Sender,
    broadcaster: Broadcaster,
    reminders: ReminderFinder,
    dispatcher: Dispatcher,
    api: Api,
    /// Publishes entries of the audit log.
    relay: (RelaySettings, RelayMetrics),
    metrics: Metrics,
    delivery_metrics: DeliveryMetrics,
}

/// The public routes and the settings of their server.
struct Api {
    http: HttpSettings,
    shutdown: ShutdownSettings,
    state: Arc<AdminState>,
    verifier: Arc<TokenVerifier>,
    revocations: Arc<Revocations>,
}

impl Notifier {
    fn new(settings: NotifierSettings, clock: Clock, pool: Pool, metrics: Metrics, lifecycle: Lifecycle) -> Result<Self, StartError> {
        let store = Store::new(pool.clone(), settings.database.limits.response_timeout());
        let (delivery_metrics, relay_metrics) = (DeliveryMetrics::default(), RelayMetrics::default());
        metrics.register(|registry| delivery_metrics.register(registry));
        metrics.register(|registry| relay_metrics.register(registry));
        let relay = RelaySettings::new(settings.database.session_url.clone(), settings.amqp.clone());
        let wake = Wakers::default();
        let dispatcher = Self::dispatcher(&settings, &store, &clock, &metrics, &wake.webhooks, &lifecycle);
        let api = Api::new(&settings, &store, &clock, &wake)?;
        let urgent = MessageConsumer {
            store: store.clone(),
            amqp: settings.amqp.clone(),
            topology: Topology::urgent_notifications(&settings.amqp),
            prefetch: settings.work.prefetch,
            pace: None,
            change_delay: settings.broadcasts.change_delay,
            clock: clock.clone(),
            link_metrics: relay_metrics.link.clone(),
            metrics: delivery_metrics.clone(),
            wake: wake.mails.clone(),
            wake_webhooks: wake.webhooks.clone(),
            stop: lifecycle.draining.clone(),
        };
        let topology = Topology::notifications(&settings.amqp);
        let consumer = MessageConsumer { topology, pace: Some(settings.work.pace), ..urgent.clone() };
        let (broadcaster, reminders) = Self::broadcasts(&settings, &store, &clock, &delivery_metrics, &wake.mails, &lifecycle)?;
        let sender = Self::sender(settings, &store, clock, &delivery_metrics, wake.mails, &lifecycle)?;
        Ok(Self {
            pool,
            lifecycle,
            store,
            urgent,
            consumer,
            sender,
            broadcaster,
            reminders,
            dispatcher,
            api,
            relay: (relay, relay_metrics),
            metrics,
            delivery_metrics,
        })
    }

    fn sender(
        settings: NotifierSettings,
        store: &Store,
        clock: Clock,
        metrics: &DeliveryMetrics,
        wake: Arc<Notify>,
        lifecycle: &Lifecycle,
    ) -> Result<Sender, StartError> {
        let http = service_client(settings.api.timeout).build()?;
        let transport = Transport::new(&settings.mail)?;
        let events = Events::new(http.clone(), &settings.api.booking_url, settings.api.keep);
        let tickets = TicketAttacher::of(&settings, &http).map_err(StartError::Texts)?;
        let composer = Composer::new(&settings.mail, settings.site, settings.sealing, clock.clone()).map_err(StartError::Texts)?;
        let preparer = Preparer {
            contacts: Contacts::new(http.clone(), &settings.api.auth_url),
            events,
            states: StateReader::new(http.clone(), &settings.api.booking_url),
            guests: Guests::new(http, &settings.api.booking_url),
            tickets,
            composer,
            clock,
            reminders: settings.broadcasts.reminders,
            default_language: settings.mail.default_language,
        };
        let concurrency = match &settings.mail.transport {
            TransportSettings::Smtp(smtp) => smtp.connections.div_ceil(SENDERS),
            TransportSettings::Folder(_) => FOLDER_CONCURRENCY,
        };
        Ok(Sender {
            store: store.clone(),
            preparer: Arc::new(preparer),
            transport: Arc::new(transport),
            rate: Arc::new(Mutex::new(Rate::new(settings.mail.per_minute, Instant::now()))),
            work: settings.work,
            retries: settings.mail.retries,
            concurrency,
            metrics: metrics.clone(),
            wake,
            stop: lifecycle.draining.clone(),
        })
    }

    /// Creates the jobs that tell all holders of tickets about an event.
    fn broadcasts(
        settings: &NotifierSettings,
        store: &Store,
        clock: &Clock,
        metrics: &DeliveryMetrics,
        wake: &Arc<Notify>,
        lifecycle: &Lifecycle,
    ) -> Result<(Broadcaster, ReminderFinder), StartError> {
        let http = service_client(settings.api.timeout).build()?;
        let events = Events::new(http.clone(), &settings.api.booking_url, settings.api.keep);
        let broadcaster = Broadcaster {
            store: store.clone(),
            events: events.clone(),
            holders: Holders::new(http, &settings.api.booking_url),
            clock: clock.clone(),
            settings: settings.broadcasts,
            poll_interval: settings.work.poll_interval,
            metrics: metrics.clone(),
            wake: wake.clone(),
            stop: lifecycle.draining.clone(),
        };
        let reminders = ReminderFinder {
            store: store.clone(),
            events,
            clock: clock.clone(),
            settings: settings.broadcasts,
            keep: settings.work.keep,
            stop: lifecycle.draining.clone(),
        };
        Ok((broadcaster, reminders))
    }

    fn dispatcher(
        settings: &NotifierSettings,
        store: &Store,
        clock: &Clock,
        metrics: &Metrics,
        wake: &Arc<Notify>,
        lifecycle: &Lifecycle,
    ) -> Dispatcher {
        let webhooks = settings.webhooks.clone();
        let webhook_metrics = WebhookMetrics::default();
        metrics.register(|registry| webhook_metrics.register(registry));
        Dispatcher {
            store: store.clone(),
            client: Arc::new(Client::new(webhooks.targets, webhooks.connect_timeout, webhooks.timeout)),
            sealing: settings.sealing.clone(),
            settings: webhooks,
            poll_interval: settings.work.poll_interval,
            clock: clock.clone(),
            metrics: webhook_metrics,
            settling: Arc::new(Semaphore::new(MAX_SETTLING)),
            wake: wake.clone(),
            stop: lifecycle.draining.clone(),
        }
    }

    /// Runs until the notifier is stopped, then finishes the mails and requests in flight.
    async fn run(self, public: TcpListener, traces: Traces) -> std::io::Result<()> {
        let Lifecycle { draining, stopping, .. } = &self.lifecycle;
        self.api.keep_fresh(&self.metrics, &self.lifecycle);
        let mut served = Ok(());
        if wait_for_schema(&self.pool, &MIGRATIONS, draining).await {
            tracing::info!("ready");
            let (relay, relay_metrics) = self.relay;
            self.lifecycle.spawn(Relay::new(relay, relay_metrics, traces.clone()).run(stopping.clone()));
            let transport = self.sender.transport.clone();
            let house = keep_house(self.store.clone(), self.sender.work, self.delivery_metrics, draining.clone());
            let Dispatcher { sealing, settings, metrics, .. } = self.dispatcher.clone();
            self.lifecycle.spawn(keep_webhooks(self.store, sealing, settings, metrics, stopping.clone()));
            // In tasks of their own, so that they use several processors.
            let senders: Vec<_> = (0..SENDERS).map(|_| tokio::spawn(self.sender.clone().run())).collect();
            let dispatcher = tokio::spawn(self.dispatcher.run());
            let api = self.api.serve(public, draining.clone(), &self.metrics, &traces);
            let consuming = async { tokio::join!(self.urgent.run(), self.consumer.run()) };
            let consuming = async { tokio::join!(consuming, self.broadcaster.run(), self.reminders.run(), house, draining.cancelled()) };
            (served, _) = tokio::join!(api, consuming);
            for sender in senders {
                if let Err(error) = sender.await {
                    tracing::error!(%error, "a sender panicked; the deliveries that it had claimed become unclear");
                }
            }
            if let Err(error) = dispatcher.await {
                tracing::error!(%error, "the dispatcher of webhooks panicked; the deliveries that it had claimed are sent again");
            }
            transport.close().await;
        }
        self.lifecycle.shut_down().await;
        traces.stop().await;
        tracing::info!("stopped");
        served
    }
}

impl Api {
    fn new(settings: &NotifierSettings, store: &Store, clock: &Clock, wake: &Wakers) -> Result<Self, StartError> {
        let tokens = &settings.tokens;
        let verifier = TokenVerifier::new(&tokens.issuer, &tokens.audience, fetch_over_http(tokens.jwks_url.to_string())?);
        let revocations = Revocations::new(tokens.revocations, fetch_over_http(tokens.revocations_url.to_string())?);
        let state = AdminState {
            store: store.clone(),
            sealing: settings.sealing.clone(),
            targets: settings.webhooks.targets,
            max: settings.webhooks.max,
            per_account: RateLimit::per_minute("webhooks-account", settings.webhooks.changes_per_account),
            wake: wake.clone(),
            clock: clock.clone(),
        };
        Ok(Self {
            http: settings.http.clone(),
            shutdown: settings.shutdown,
            state: Arc::new(state),
            verifier: Arc::new(verifier),
            revocations: Arc::new(revocations),
        })
    }

    /// Starts the tasks that fetch the keys of access tokens and the revocation list.
    fn keep_fresh(&self, metrics: &Metrics, lifecycle: &Lifecycle) {
        let (verifier, stop) = (self.verifier.clone(), lifecycle.stopping.clone());
        lifecycle.spawn(async move { verifier.keep_fresh(stop).await });
        let (revocations, stop) = (self.revocations.clone(), lifecycle.stopping.clone());
        metrics.register(|registry| registry.register_collector(Box::new(revocations.clone())));
        lifecycle.spawn(async move { revocations.keep_fresh(stop).await });
    }

    /// Serves the routes until `draining` is cancelled and the requests in flight are finished.
    async fn serve(&self, listener: TcpListener, draining: CancellationToken, metrics: &Metrics, traces: &Traces) -> std::io::Result<()> {
        let (state, verifier) = (web::Data::from(self.state.clone()), web::Data::from(self.verifier.clone()));
        let revocations = web::Data::from(self.revocations.clone());
        let configure = move |config: &mut web::ServiceConfig| {
            routes::configure(config.app_data(state.clone()).app_data(verifier.clone()).app_data(revocations.clone()));
        };
        let shutdown = GracefulShutdown { signal: draining, settings: self.shutdown };
        let server = rowlock_http::public_server(listener, &self.http, shutdown.clone(), metrics, traces, configure)?;
        rowlock_http::serve_public(server, &shutdown).await
    }
}

/// Number of batches that are sent at the same time: while one is being stored, the other is sent.
const SENDERS: usize = 2;
