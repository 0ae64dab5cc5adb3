//! Start-up and shutdown of the service: two HTTP servers, the database and the background tasks.
//!
//! Both ports are bound first, so that a wrong address is reported before anything else. The management server responds
//! immediately, the public one when the schema is present and a key can sign.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use rowlock_http::management::{self, Readiness};
use rowlock_http::revocations::{RevocationList, Revocations};
use rowlock_http::tokens::{Fetch, TokenVerifier};
use rowlock_http::{GracefulShutdown, HttpSettings};
use rowlock_messaging::outbox::{OutboxNotifier, Relay, RelayMetrics, RelaySettings};
use rowlock_platform::clock::Clock;
use rowlock_platform::database::{DatabaseSettings, wait_for_schema};
use rowlock_platform::lifecycle::{Lifecycle, ShutdownSettings};
use rowlock_platform::running::Running;
use rowlock_platform::telemetry::{Metrics, TraceError, Traces};
use rowlock_postgres::{DatabaseError, Pool, build_pool};
use tokio_util::sync::CancellationToken;

use crate::booking_export::BookingExportClient;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::passwords::Passwords;
use crate::secrets::Secrets;
use crate::settings::{AuthSettings, TokenSettings};
use crate::state::AuthState;
use crate::store::Store;
use crate::{MIGRATIONS, routes};

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
    /// The HTTP client for `booking-service` cannot be created.
    #[error("cannot create the HTTP client for booking.url: {0}")]
    Client(String),
    /// No keys can be derived from the encryption key.
    #[error("no keys could be derived from keys.encryption_key")]
    Keys,
}

/// Binds both ports and starts the service, which becomes ready in the background. Must be called within a tokio runtime.
pub fn start(settings: AuthSettings, clock: Clock) -> Result<Running, StartError> {
    let public = rowlock_http::bind(settings.http.listen)?;
    let management = rowlock_http::bind(settings.management.listen)?;
    let http_addr = public.local_addr()?;
    let management_addr = management.local_addr()?;
    let pool = build_pool(&settings.database.url, settings.database.pool_size, settings.database.limits, "auth-service")?;
    let lifecycle = Lifecycle::default();
    let stop = lifecycle.draining.clone();
    let secrets = Secrets::derive(&settings.keys.encryption_key).map_err(|_| StartError::Keys)?;
    let database = settings.database.clone();
    let booking_export = BookingExportClient::new(&settings.booking_url).map_err(StartError::Client)?;
    let traces = Traces::start(&settings.traces, "auth-service")?;
    let service = Service::new(settings, secrets, booking_export, clock, pool, lifecycle, traces);
    service.serve_management(management, &database)?;
    tracing::info!(%http_addr, %management_addr, "started");
    let ended = tokio::spawn(service.run(public));
    Ok(Running::new(Some(http_addr), management_addr, stop, ended))
}

struct Service {
    http: HttpSettings,
    shutdown: ShutdownSettings,
    pool: Pool,
    relay: Option<RelaySettings>,
    auth: Arc<AuthState>,
    metrics: Metrics,
    traces: Traces,
    lifecycle: Lifecycle,
}

impl Service {
    fn new(
        settings: AuthSettings,
        secrets: Secrets,
        booking_export: BookingExportClient,
        clock: Clock,
        pool: Pool,
        lifecycle: Lifecycle,
        traces: Traces,
    ) -> Self {
        let notifier = OutboxNotifier::start(settings.database.session_url.clone(), lifecycle.stopping.clone());
        let store = Store::new(pool.clone());
        let auth = AuthState {
            keys: Arc::new(Keys::new(store.clone(), secrets.clone(), settings.keys.publish_ahead)),
            passwords: Passwords::new(settings.passwords),
            email_domains: settings.email_domains,
            store,
            secrets,
            tokens: settings.tokens,
            limits: Limits::new(settings.limits),
            mail: settings.mail,
            notifier,
            booking_export,
            bootstrap_token: settings.bootstrap_token,
            clock,
        };
        let metrics = Metrics::default();
        metrics.register_pool(&pool);
        metrics.register(|registry| auth.passwords.register(registry));
        Self {
            http: settings.http,
            shutdown: settings.shutdown,
            relay: settings.relay,
            pool,
            auth: Arc::new(auth),
            metrics,
            traces,
            lifecycle,
        }
    }

    fn serve_management(&self, listener: TcpListener, database: &DatabaseSettings) -> Result<(), DatabaseError> {
        let keys = self.auth.keys.clone();
        let readiness = Readiness::of(database, &MIGRATIONS, self.lifecycle.draining.clone())?
            .check("signing key", move || std::future::ready(keys.is_ready().map_err(|error| error.to_string())));
        management::start(listener, readiness, &self.metrics, &self.lifecycle);
        Ok(())
    }

    /// Serves requests until shutdown, then stops the background tasks.
    async fn run(self, listener: TcpListener) -> std::io::Result<()> {
        let served = self.serve_public(listener).await;
        self.lifecycle.shut_down().await;
        self.traces.stop().await;
        tracing::info!("stopped");
        served
    }

    async fn serve_public(&self, listener: TcpListener) -> std::io::Result<()> {
        let Lifecycle { draining, stopping, .. } = &self.lifecycle;
        if !wait_for_schema(&self.pool, &MIGRATIONS, draining).await || !self.auth.keys.wait_until_loaded(draining).await {
            return Ok(());
        }
        // This runs before registrations are accepted, because a missing key belongs to an existing account.
        create_missing_keys(&self.auth).await;
        let TokenSettings { issuer, audience, .. } = &self.auth.tokens;
        let verifier = Arc::new(TokenVerifier::new(issuer, audience, self.auth.keys.clone().fetch()));
        self.lifecycle.spawn(self.auth.keys.clone().keep_fresh(verifier.clone(), stopping.clone()));
        self.lifecycle.spawn(delete_expired_data(self.auth.clone(), stopping.clone()));
        if let Some(relay) = self.relay.clone() {
            let metrics = RelayMetrics::default();
            self.metrics.register(|registry| metrics.register(registry));
            self.lifecycle.spawn(Relay::new(relay, metrics, self.traces.clone()).run(stopping.clone()));
        }
        let revocations = self.revocations();
        let (fresh, stop) = (revocations.clone(), stopping.clone());
        self.lifecycle.spawn(async move { fresh.keep_fresh(stop).await });
        let (auth, verifier, revocations) = (web::Data::from(self.auth.clone()), web::Data::from(verifier), web::Data::from(revocations));
        let configure = move |config: &mut web::ServiceConfig| {
            routes::configure(config.app_data(auth.clone()).app_data(verifier.clone()).app_data(revocations.clone()));
        };
        let shutdown = GracefulShutdown { signal: draining.clone(), settings: self.shutdown };
        let server = rowlock_http::public_server(listener, &self.http, shutdown.clone(), &self.metrics, &self.traces, configure)?;
        rowlock_http::serve_public(server, &shutdown).await
    }

    /// Creates the revocation list for this service's own requests. It is read from the database from which the other services'
    /// copies come.
    fn revocations(&self) -> Arc<Revocations> {
        let auth = self.auth.clone();
        let read: Fetch<RevocationList> = Box::new(move || {
            let auth = auth.clone();
            Box::pin(async move { auth.store.revoked_within(auth.tokens.revoked_for()).await.map_err(|error| error.to_string()) })
        });
        Arc::new(Revocations::new(self.auth.tokens.revocations, read))
    }
}

/// Creates the uniqueness keys of accounts that a service of the previous version has created.
async fn create_missing_keys(auth: &AuthState) {
    match auth.store.create_missing_keys().await {
        Ok(0) => {}
        Ok(accounts) => {
            tracing::info!(
                accounts,
                "some accounts have no uniqueness key, because their username or e-mail address is another spelling of an older account's"
            );
        }
        Err(error) => {
            tracing::warn!(%error, "could not create the uniqueness keys of all accounts; retrying within an hour");
        }
    }
}

/// Deletes expired sessions and links, old idempotency keys and the ids of erased accounts at the start and every hour, and creates
/// missing uniqueness keys.
async fn delete_expired_data(auth: Arc<AuthState>, stop: CancellationToken) {
    const BATCH_SIZE: u16 = 1000;
    loop {
        if let Err(error) = auth.store.delete_erased_ids(auth.tokens.revoked_for()).await {
            tracing::warn!(%error, "could not delete the ids of erased accounts");
        }
        let deleted = async {
            let sessions = auth.store.delete_expired_sessions(BATCH_SIZE.into()).await?;
            let keys = auth.store.delete_old_keys(BATCH_SIZE.into()).await?;
            let links = auth.store.delete_expired_links(BATCH_SIZE.into()).await?;
            Ok::<_, DatabaseError>(sessions.max(keys).max(links))
        };
        let more = match deleted.await {
            Ok(deleted) => deleted == usize::from(BATCH_SIZE),
            Err(error) => {
                tracing::warn!(%error, "could not delete expired sessions, links and idempotency keys");
                false
            }
        };
        let pause = Duration::from_secs(if more { 0 } else { 3600 });
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        if !more {
            create_missing_keys(&auth).await;
        }
    }
}
