//! Start-up and shutdown of the service: two HTTP servers and a client of the API.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::web;
use rowlock_http::GracefulShutdown;
use rowlock_http::management::{self, Readiness};
use rowlock_platform::clock::Clock;
use rowlock_platform::lifecycle::{Lifecycle, ShutdownSettings};
use rowlock_platform::running::Running;
use rowlock_platform::telemetry::{Metrics, TraceError, Traces};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::assets::Assets;
use crate::cache::Caches;
use crate::csrf::FormTokens;
use crate::i18n;
use crate::live::{EventFeeds, Live, LiveMetrics};
use crate::pages;
use crate::preview::Painter;
use crate::session::renewal::Renewals;
use crate::session::seal::{KeyError, Seal};
use crate::settings::WebSettings;
use crate::site::Site;

/// Reasons why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// The trace exporter cannot be created.
    #[error("traces cannot be sent to telemetry.otlp_endpoint: {0}")]
    Traces(#[from] TraceError),
    /// The HTTP client of the API cannot be created.
    #[error("cannot create the HTTP client of the API: {0}")]
    Client(#[from] reqwest::Error),
    /// No keys can be derived from the session key.
    #[error("cannot derive keys from session.key")]
    Keys(#[from] KeyError),
    /// The embedded font cannot be read.
    #[error("the embedded font is invalid: {0}")]
    Font(String),
    /// The embedded texts cannot be read.
    #[error("the embedded texts are invalid: {0}")]
    Texts(String),
}

/// Binds both ports and starts the service. Must be called within a tokio runtime.
pub fn start(settings: WebSettings, clock: Clock) -> Result<Running, StartError> {
    let public = rowlock_http::bind(settings.http.listen)?;
    let operators = rowlock_http::bind(settings.management.listen)?;
    let http_addr = public.local_addr()?;
    let management_addr = operators.local_addr()?;
    let lifecycle = Lifecycle::default();
    let stop = lifecycle.draining.clone();
    let traces = Traces::start(&settings.traces, "web")?;
    let metrics = Metrics::default();
    let (api, texts) = (Api::new(&settings.api)?, Arc::new(i18n::load().map_err(StartError::Texts)?));
    let live_metrics = LiveMetrics::default();
    metrics.register(|registry| live_metrics.register(registry));
    let site = Site {
        live: Live::new(settings.live, live_metrics.clone(), streams_end(&lifecycle, settings.shutdown)),
        feeds: EventFeeds::new(api.clone(), texts.clone(), clock.clone(), live_metrics),
        api,
        seal: Seal::derive(&settings.session.key)?,
        form_tokens: FormTokens::derive(&settings.session.key)?,
        renewals: Renewals::default(),
        texts,
        assets: Assets::embedded(&settings.site),
        caches: Caches::new(settings.site.keep),
        settings: settings.site.clone(),
        session: settings.session.clone(),
        clock,
    };
    let painter = web::Data::new(Painter::new().map_err(|error| StartError::Font(error.to_string()))?);
    let draining = lifecycle.draining.clone();
    let readiness = Readiness::default()
        .check("service", move || std::future::ready(if draining.is_cancelled() { Err("stopping".to_owned()) } else { Ok(()) }));
    management::start(operators, readiness, &metrics, &lifecycle);
    tracing::info!(%http_addr, %management_addr, "started");
    let ended = tokio::spawn(run(public, settings, web::Data::new(site), painter, metrics, traces, lifecycle));
    Ok(Running::new(Some(http_addr), management_addr, stop, ended))
}

/// Returns a token that is cancelled when the service stops accepting requests. Open streams must not keep it from stopping.
fn streams_end(lifecycle: &Lifecycle, shutdown: ShutdownSettings) -> CancellationToken {
    let (end, draining) = (CancellationToken::new(), lifecycle.draining.clone());
    let ending = end.clone();
    lifecycle.spawn(async move {
        draining.cancelled().await;
        tokio::time::sleep(shutdown.notice).await;
        ending.cancel();
    });
    end
}

/// Serves requests until shutdown, then stops the background tasks.
async fn run(
    listener: TcpListener,
    settings: WebSettings,
    site: web::Data<Site>,
    painter: web::Data<Painter>,
    metrics: Metrics,
    traces: Traces,
    lifecycle: Lifecycle,
) -> std::io::Result<()> {
    let shutdown = GracefulShutdown { signal: lifecycle.draining.clone(), settings: settings.shutdown };
    let configure = move |config: &mut web::ServiceConfig| {
        pages::configure(config.app_data(site.clone()).app_data(painter.clone()));
    };
    let served = match rowlock_http::public_server(listener, &settings.http, shutdown.clone(), &metrics, &traces, configure) {
        Ok(server) => rowlock_http::serve_public(server, &shutdown).await,
        Err(error) => Err(error),
    };
    lifecycle.shut_down().await;
    traces.stop().await;
    tracing::info!("stopped");
    served
}
