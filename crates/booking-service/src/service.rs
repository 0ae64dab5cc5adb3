//! Start-up and shutdown of the service: two HTTP servers, the database, the outbox relay and the background tasks.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use rowlock_http::management::{self, Readiness};
use rowlock_http::revocations::Revocations;
use rowlock_http::tokens::{TokenVerifier, fetch_over_http};
use rowlock_http::{GracefulShutdown, RateLimit};
use rowlock_inventory::housekeeping::delete_expired;
use rowlock_inventory::{Inventory, InventoryConfig, MIGRATIONS, MessageFormat};
use rowlock_messaging::amqp::LinkMetrics;
use rowlock_messaging::outbox::{OutboxNotifier, Relay, RelayMetrics};
use rowlock_platform::clock::Clock;
use rowlock_platform::database::wait_for_schema;
use rowlock_platform::lifecycle::Lifecycle;
use rowlock_platform::running::Running;
use rowlock_platform::telemetry::{Metrics, TraceError, Traces, TransactionMetrics};
use rowlock_postgres::{DatabaseError, Pool, Reader, build_keyed_pool, checkout};
use rowlock_tickets::PdfError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::account_directory::AccountDirectory;
use crate::accounts::{AccountEventConsumer, close_accounts};
use crate::chances::Chances;
use crate::event_cache::PublicEventCache;
use crate::held_tickets::HeldTicketMetrics;
use crate::lanes::{LaneContext, LaneMetrics, Lanes};
use crate::live::{Live, LiveMetrics, follow_messages, follow_queues};
use crate::outcome::render;
use crate::pictures::PictureIntake;
use crate::routes;
use crate::sales::{SalesConsumer, repair_timelines, stop_messages};
use crate::settings::BookingSettings;
use crate::state::{AppState, SOURCE};
use crate::ticket_keys::TicketKeys;
use crate::ticket_printer::TicketPrinter;

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
    #[error("cannot send traces to telemetry.otlp_endpoint: {0}")]
    Traces(#[from] TraceError),
    /// The fonts and texts of printed tickets cannot be read.
    #[error(transparent)]
    Printer(#[from] PdfError),
    /// An HTTP client for auth-service cannot be created.
    #[error("cannot create the HTTP client for auth-service: {0}")]
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
    let printer = TicketPrinter::new(settings.passes.clone())?;
    let accounts = AccountDirectory::new(settings.contacts_url.clone()).map_err(|error| StartError::Client(error.to_string()))?;
    let service = Service { settings, clock, pool, verifier, revocations, metrics, traces, lifecycle, printer, accounts };
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
    printer: TicketPrinter,
    accounts: AccountDirectory,
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
        self.lifecycle.spawn(delete_expired_rows(self.pool.clone(), stopping.clone()));
        let state = self.start_state();
        let held_tickets = HeldTicketMetrics::default();
        self.metrics.register(|registry| held_tickets.register(registry));
        self.lifecycle.spawn(held_tickets.poll(state.reader.clone(), stopping.clone()));
        self.process_account_events(&state.inventory);
        self.count_sales();
        let (state, verifier) = (web::Data::from(state), web::Data::from(self.verifier.clone()));
        let revocations = web::Data::from(self.revocations.clone());
        let configure = move |config: &mut web::ServiceConfig| {
            routes::configure(config.app_data(state.clone()).app_data(verifier.clone()).app_data(revocations.clone()));
        };
        let Self { settings, metrics, traces, .. } = self;
        let shutdown = GracefulShutdown { signal: draining.clone(), settings: settings.shutdown };
        let server = rowlock_http::public_server(listener, &settings.http, shutdown.clone(), metrics, traces, configure)?;
        tracing::info!("ready");
        rowlock_http::serve_public(server, &shutdown).await
    }

    /// Starts the consumer of messages about accounts and the task that closes disabled and erased accounts.
    fn process_account_events(&self, inventory: &Inventory) {
        let (account_changed, stop) = (Arc::new(Notify::new()), self.lifecycle.stopping.clone());
        let metrics = LinkMetrics::default();
        self.metrics.register(|registry| metrics.register(registry.sub_registry_with_prefix("accounts")));
        let consumer = AccountEventConsumer {
            amqp: self.settings.amqp.clone(),
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            metrics,
            account_changed: account_changed.clone(),
            stop: stop.clone(),
        };
        self.lifecycle.spawn(consumer.run());
        self.lifecycle.spawn(close_accounts(inventory.clone(), self.pool.clone(), self.settings.token_life, account_changed, stop));
    }

    /// Starts the tasks that count sales: from messages if that is wanted, and from the stored bookings.
    fn count_sales(&self) {
        let (amqp, pool, clock, stop) =
            (self.settings.amqp.clone(), self.pool.clone(), self.clock.clone(), self.lifecycle.stopping.clone());
        let from_messages = self.settings.timeline_from_messages;
        if from_messages {
            let metrics = LinkMetrics::default();
            self.metrics.register(|registry| metrics.register(registry.sub_registry_with_prefix("sales")));
            self.lifecycle.spawn(SalesConsumer { amqp, pool, clock, metrics, stop: stop.clone() }.run());
        } else {
            self.lifecycle.spawn(stop_messages(amqp, stop.clone()));
        }
        self.lifecycle.spawn(repair_timelines(self.pool.clone(), self.settings.timeline_check_interval, from_messages, stop));
    }

    /// Starts the tasks of the live streams.
    fn start_live(&self, reader: Reader, chances: Chances) -> Arc<Live> {
        let Lifecycle { draining, stopping, .. } = &self.lifecycle;
        let (closing, draining, notice) = (CancellationToken::new(), draining.clone(), self.settings.shutdown.notice);
        let live = Live::new(self.settings.live, reader, chances, self.clock.clone(), self.live_metrics(), closing.clone());
        let live = Arc::new(live);
        // Streams stay open as long as the service accepts requests. After that, they must not keep it from stopping.
        self.lifecycle.spawn(async move {
            draining.cancelled().await;
            tokio::time::sleep(notice).await;
            closing.cancel();
        });
        self.lifecycle.spawn(follow_messages(live.clone(), self.settings.amqp.clone(), stopping.clone()));
        self.lifecycle.spawn(follow_queues(live.clone(), stopping.clone()));
        live
    }

    fn live_metrics(&self) -> LiveMetrics {
        let metrics = LiveMetrics::default();
        self.metrics.register(|registry| metrics.register(registry));
        metrics
    }

    /// Starts the lanes and returns the state of the routes.
    fn start_state(&self) -> Arc<AppState> {
        let notifier = OutboxNotifier::start(self.settings.database.session_url.clone(), self.lifecycle.stopping.clone());
        let (clock, wake) = (self.clock.clone(), notifier.clone());
        let transactions = TransactionMetrics::default();
        self.metrics.register(|registry| transactions.register(registry));
        let inventory = Inventory::new(InventoryConfig {
            pool: self.pool.clone(),
            new_id: Arc::new(move || clock.uuid()),
            render: Arc::new(render),
            on_messages: Arc::new(move |urgency| wake.notify_of(urgency)),
            on_transaction: Arc::new(move |took| transactions.observe(took.lock, took.commit)),
            messages: MessageFormat { source: SOURCE, max_batch_items: self.settings.max_batch_items },
            response_timeout: self.settings.database.limits.response_timeout(),
            resolve_timeout: self.settings.resolve_timeout,
            one_event_per_transaction: self.settings.one_event_per_transaction,
        });
        let reader = Reader::new(self.pool.clone(), self.settings.database.limits.response_timeout());
        let chances = Chances::new(reader.clone(), self.clock.clone(), self.settings.event_cache_lifetime);
        let metrics = LaneMetrics::default();
        self.metrics.register(|registry| metrics.register(registry));
        let context = LaneContext { metrics, traces: self.traces.clone(), deadline: self.settings.http.deadline };
        let lanes = Lanes::start(&inventory, self.settings.lanes, context, &self.lifecycle);
        Arc::new(AppState {
            lanes,
            inventory,
            event_cache: PublicEventCache::new(reader.clone(), self.settings.event_cache_lifetime),
            pictures: PictureIntake::default(),
            ticket_keys: TicketKeys::new(self.pool.clone(), self.settings.sealing.clone()),
            sealing: self.settings.sealing.clone(),
            printer: self.printer.clone(),
            accounts: self.accounts.clone(),
            reader: reader.clone(),
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            notifier,
            cancel_chunk: self.settings.cancel_chunk,
            email_domains: self.settings.email_domains,
            live: self.start_live(reader, chances.clone()),
            chances,
            per_account: RateLimit::per_minute("booking-account", self.settings.book_per_account),
        })
    }
}

/// Deletes expired idempotency keys and commit markers every minute, in batches.
async fn delete_expired_rows(pool: Pool, stop: CancellationToken) {
    const BATCH_SIZE: u16 = 1000;
    loop {
        let more = match checkout(&pool).await {
            Ok(mut conn) => match delete_expired(&mut conn, BATCH_SIZE.into()).await {
                Ok(removed) => removed == usize::from(BATCH_SIZE),
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
