//! Start-up and shutdown of the service: two HTTP servers, the database, the outbox relay and the background tasks.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use rowlock_domain::ids::AccountId;
use rowlock_domain::text::EmailDomains;
use rowlock_http::management::{self, Readiness};
use rowlock_http::revocations::Revocations;
use rowlock_http::tokens::{TokenVerifier, fetch_over_http};
use rowlock_http::{GracefulShutdown, RateLimit};
use rowlock_inventory::housekeeping::tidy;
use rowlock_inventory::{Inventory, InventoryParts, MIGRATIONS};
use rowlock_messaging::amqp::LinkMetrics;
use rowlock_messaging::outbox::{OutboxNotifier, Relay, RelayMetrics};
use rowlock_platform::clock::Clock;
use rowlock_platform::database::wait_for_schema;
use rowlock_platform::lifecycle::Lifecycle;
use rowlock_platform::running::Running;
use rowlock_platform::telemetry::{Metrics, TraceError, Traces, TransactionMetrics};
use rowlock_postgres::{DatabaseError, Pool, Reader, build_keyed_pool, checkout};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::accounts::{Intake, close_accounts};
use crate::held::HeldMetrics;
use crate::lanes::{LaneMetrics, LaneParts, Lanes};
use crate::outcome::render;
use crate::reads::Reads;
use crate::routes;
use crate::settings::BookingSettings;

/// CloudEvents `source` of the messages that this service publishes.
pub(crate) const SOURCE: &str = "/rowlock/booking-service";

/// State shared by all routes.
pub(crate) struct Booking {
    /// Runs the commands of users and administrators.
    pub(crate) lanes: Lanes,
    /// Runs commands in the background of a request, outside the lanes.
    pub(crate) inventory: Inventory,
    /// Cached reads of public events.
    pub(crate) reads: Reads,
    /// Uncached reads.
    pub(crate) reader: Reader,
    /// Connections for creating events and recording account states.
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    pub(crate) notifier: OutboxNotifier,
    pub(crate) cancel_chunk: usize,
    /// Which domains the e-mail addresses of guests may have.
    pub(crate) email_domains: EmailDomains,
    /// Rate limit of changing requests per account.
    pub(crate) per_account: RateLimit<AccountId>,
}

/// Reasons why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// The database URL is invalid.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The trace exporter cannot be created.
    #[error("traces cannot be sent to telemetry.otlp_endpoint: {0}")]
    Traces(#[from] TraceError),
    /// The HTTP client for the token keys or the revocation list cannot be created.
    #[error("no client for the token keys: {0}")]
    Client(String),
}

/// Binds both ports and starts the service, which becomes ready in the background. Must be called within a tokio runtime.
pub fn start(settings: BookingSettings, clock: Clock) -> Result<Running, StartError> {
    let public = rowlock_http::bind(settings.http.listen)?;
    let operators = rowlock_http::bind(settings.management.listen)?;
    let http_addr = public.local_addr()?;
    let management_addr = operators.local_addr()?;
    let pool = build_keyed_pool(&settings.database.url, settings.database.pool_size, settings.database.limits, "booking-service")?;
    let fetch = fetch_over_http(settings.tokens.jwks_url.to_string()).map_err(|error| StartError::Client(error.to_string()))?;
    let verifier = Arc::new(TokenVerifier::new(&settings.tokens.issuer, &settings.tokens.audience, fetch));
    let fetch = fetch_over_http(settings.tokens.revocations_url.to_string()).map_err(|error| StartError::Client(error.to_string()))?;
    let revocations = Arc::new(Revocations::new(settings.tokens.revocations, fetch));
    let traces = Traces::start(&settings.traces, "booking-service")?;
    let lifecycle = Lifecycle::default();
    let stop = lifecycle.draining.clone();
    let metrics = Metrics::default();
    metrics.register_pool(&pool);
    let service = Service { settings, clock, pool, verifier, revocations, metrics, traces, lifecycle };
    service.serve_management(operators)?;
    tracing::info!(%http_addr, %management_addr, "started");
    let ended = tokio::spawn(service.run(public));
    Ok(Running::new(Some(http_addr), management_addr, stop, ended))
}

struct Service {
    settings: BookingSettings,
    clock: Clock,
    pool: Pool,
    verifier: Arc<TokenVerifier>,
    revocations: Arc<Revocations>,
    metrics: Metrics,
    traces: Traces,
    lifecycle: Lifecycle,
}

impl Service {
    fn serve_management(&self, listener: TcpListener) -> Result<(), DatabaseError> {
        let verifier = self.verifier.clone();
        let readiness = Readiness::of(&self.settings.database, &MIGRATIONS, self.lifecycle.draining.clone())?
            .check("token keys", move || {
                std::future::ready(if verifier.has_keys() { Ok(()) } else { Err("none fetched from auth-service yet".to_owned()) })
            });
        management::start(listener, readiness, &self.metrics, &self.lifecycle);
        Ok(())
    }

    /// Serves requests until shutdown, then stops the background tasks. Messages that this relay has not published by then stay
    /// in the outbox for another relay or the next start.
    async fn run(self, listener: TcpListener) -> std::io::Result<()> {
        let served = self.serve_public(listener).await;
        self.lifecycle.shut_down().await;
        self.traces.stop().await;
        tracing::info!("stopped");
        served
    }

    async fn serve_public(&self, listener: TcpListener) -> std::io::Result<()> {
        let Lifecycle { draining, stopping, .. } = &self.lifecycle;
        let (verifier, stop) = (self.verifier.clone(), stopping.clone());
        self.lifecycle.spawn(async move { verifier.keep_fresh(stop).await });
        let (revocations, stop) = (self.revocations.clone(), stopping.clone());
        self.metrics.register(|registry| registry.register_collector(Box::new(revocations.clone())));
        self.lifecycle.spawn(async move { revocations.keep_fresh(stop).await });
        if !wait_for_schema(&self.pool, &MIGRATIONS, draining).await {
            return Ok(());
        }
        if let Some(relay) = self.settings.relay.clone() {
            let metrics = RelayMetrics::default();
            self.metrics.register(|registry| metrics.register(registry));
            self.lifecycle.spawn(Relay::new(relay, metrics, self.traces.clone()).run(stopping.clone()));
        }
        self.lifecycle.spawn(keep_tidy(self.pool.clone(), stopping.clone()));
        let booking = self.booking();
        let held = HeldMetrics::default();
        self.metrics.register(|registry| held.register(registry));
        self.lifecycle.spawn(held.keep_fresh(booking.reader.clone(), stopping.clone()));
        self.look_after_accounts(&booking.inventory);
        let (booking, verifier) = (web::Data::from(booking), web::Data::from(self.verifier.clone()));
        let revocations = web::Data::from(self.revocations.clone());
        let configure = move |config: &mut web::ServiceConfig| {
            routes::configure(config.app_data(booking.clone()).app_data(verifier.clone()).app_data(revocations.clone()));
        };
        let Self { settings, metrics, traces, .. } = self;
        let shutdown = GracefulShutdown { signal: draining.clone(), settings: settings.shutdown };
        let server = rowlock_http::public_server(listener, &settings.http, shutdown.clone(), metrics, traces, configure)?;
        tracing::info!("ready");
        rowlock_http::serve_public(server, &shutdown).await
    }

    fn look_after_accounts(&self, inventory: &Inventory) {
        let (news, stop) = (Arc::new(Notify::new()), self.lifecycle.stopping.clone());
        let metrics = LinkMetrics::default();
        self.metrics.register(|registry| metrics.register(registry.sub_registry_with_prefix("accounts")));
        let intake = Intake {
            amqp: self.settings.amqp.clone(),
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            metrics,
            news: news.clone(),
            stop: stop.clone(),
        };
        self.lifecycle.spawn(intake.run());
        self.lifecycle.spawn(close_accounts(inventory.clone(), self.pool.clone(), self.settings.token_life, news, stop));
    }

    fn booking(&self) -> Arc<Booking> {
        let notifier = OutboxNotifier::start(self.settings.database.url.clone(), self.lifecycle.stopping.clone());
        let (clock, wake) = (self.clock.clone(), notifier.clone());
        let transactions = TransactionMetrics::default();
        self.metrics.register(|registry| transactions.register(registry));
        let inventory = Inventory::new(InventoryParts {
            pool: self.pool.clone(),
            new_id: Arc::new(move || clock.uuid()),
            render: Arc::new(render),
            on_messages: Arc::new(move || wake.notify()),
            on_transaction: Arc::new(move |took| transactions.observe(took.lock, took.commit)),
            source: SOURCE,
            patience: self.settings.database.limits.response_timeout(),
            resolve_for: self.settings.resolve_for,
            one_event_per_transaction: self.settings.one_event_per_transaction,
        });
        let reader = Reader::new(self.pool.clone(), self.settings.database.limits.response_timeout());
        let metrics = LaneMetrics::default();
        self.metrics.register(|registry| metrics.register(registry));
        let parts = LaneParts { metrics, traces: self.traces.clone(), deadline: self.settings.http.deadline };
        let lanes = Lanes::start(&inventory, self.settings.lanes, parts, &self.lifecycle);
        Arc::new(Booking {
            lanes,
            inventory,
            reads: Reads::new(reader.clone(), self.settings.keep_reads_for),
            reader,
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            notifier,
            cancel_chunk: self.settings.cancel_chunk,
            email_domains: self.settings.email_domains,
            per_account: RateLimit::per_minute("booking-account", self.settings.book_per_account),
        })
    }
}

/// Deletes expired idempotency keys and commit markers every minute, in batches.
async fn keep_tidy(pool: Pool, stop: CancellationToken) {
    const AT_ONCE: u16 = 1000;
    loop {
        let more = match checkout(&pool).await {
            Ok(mut conn) => match tidy(&mut conn, AT_ONCE.into()).await {
                Ok(removed) => removed == usize::from(AT_ONCE),
                Err(error) => {
                    tracing::warn!(%error, "could not delete expired rows");
                    false
                }
            },
            Err(_) => false,
        };
        let pause = Duration::from_secs(if more { 0 } else { 60 });
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
