//! Binding and serving, and the answers for what no route takes.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::{Method, header};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, middleware, web};
use ipnet::IpNet;
use rowlock_domain::problem::ProblemCode;

use crate::client_address::TrustedProxies;
use crate::cors::{AllowedOrigins, Origin, allow_origins};
use crate::deadline::{Deadline, end_in_time};
use crate::graceful_shutdown::GracefulShutdown;
use crate::head::drop_body_of_head;
use crate::problem::Problem;
use crate::request_log::{HttpMetrics, log_requests};
use rowlock_platform::settings::SettingsReader;
use rowlock_platform::telemetry::{Metrics, Traces};

/// How long the head of a request may take to come. Past it actix answers 408 by itself, also when it was the process that
/// stood still; so it is longer than a gateway waits for an answer, and nobody is there any more who could get that one.
const PATIENCE_WITH_CLIENTS: Duration = Duration::from_secs(60);

/// How a service listens.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that handle requests.
    pub workers: usize,
    /// The largest body taken, in bytes.
    pub max_body_bytes: usize,
    /// How long a request may take until its answer begins.
    pub deadline: Duration,
    /// The networks of the gateways, whose word about a client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The origins whose web pages may call the API from a browser.
    pub allowed_origins: Vec<Origin>,
}

impl HttpSettings {
    /// Reads the section `http`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let listen = reader.value("http.listen");
        let workers = reader.number("http.workers", 1..=64);
        let max_body_bytes = reader.number("http.max_body_bytes", 1024..=16 * 1024 * 1024);
        let deadline = reader.millis("http.deadline_ms", 100..=600_000);
        let trusted_proxies = reader.list("http.trusted_proxies");
        let allowed_origins = reader.list("http.allowed_origins");
        Some(Self {
            listen: listen?,
            workers: workers?,
            max_body_bytes: max_body_bytes?,
            deadline: deadline?,
            trusted_proxies: trusted_proxies?,
            allowed_origins: allowed_origins?,
        })
    }
}

/// Takes the port, so that a wrong or taken address is told before anything else starts.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener =
        TcpListener::bind(address).map_err(|error| std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The server of a service's public routes: with the limit on bodies, log lines, metrics, and answers in the API's form for
/// what no route takes. `configure` adds the routes and what they work with.
pub fn public_server(
    listener: TcpListener,
    settings: &HttpSettings,
    shutdown: GracefulShutdown,
    metrics: &Metrics,
    traces: &Traces,
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> std::io::Result<Server> {
    let counted = HttpMetrics::default();
    metrics.register(|registry| counted.register(registry));
    let counted = web::Data::new(counted);
    let trusted = web::Data::new(TrustedProxies(settings.trusted_proxies.clone()));
    let origins = web::Data::new(AllowedOrigins(settings.allowed_origins.clone()));
    let deadline = web::Data::new(Deadline::after(settings.deadline));
    let traces = web::Data::new(traces.clone());
    let drain = shutdown.settings.drain;
    let shutdown = web::Data::new(shutdown);
    let body_limit = web::PayloadConfig::new(settings.max_body_bytes);
    let app = move || {
        App::new()
            .app_data(counted.clone())
            .app_data(body_limit.clone())
            .app_data(trusted.clone())
            .app_data(origins.clone())
            .app_data(deadline.clone())
            .app_data(traces.clone())
            .app_data(shutdown.clone())
            .wrap(middleware::from_fn(end_in_time))
            .wrap(middleware::from_fn(allow_origins))
            .wrap(middleware::from_fn(drop_body_of_head))
            .wrap(middleware::from_fn(log_requests))
            .configure(configure.clone())
            .default_service(web::to(no_such_route))
    };
    let server = HttpServer::new(app)
        .workers(settings.workers)
        .client_request_timeout(PATIENCE_WITH_CLIENTS)
        .disable_signals()
        .shutdown_timeout(drain.as_secs().max(1));
    Ok(server.listen(listener)?.run())
}

/// Serves until the graceful shutdown stops accepting requests, then finishes those in flight and returns.
pub async fn serve_public(server: Server, shutdown: &GracefulShutdown) -> std::io::Result<()> {
    serve(server, shutdown.stops_accepting()).await
}

/// Serves until a future has ended, then finishes what is in flight and returns.
pub(crate) async fn serve(server: Server, until: impl Future<Output = ()>) -> std::io::Result<()> {
    let handle = server.handle();
    let mut running = tokio::spawn(server);
    tokio::select! {
        () = until => handle.stop(true).await,
        // The server ended by itself: its result tells why.
        ended = &mut running => return ended.map_err(std::io::Error::other)?,
    }
    running.await.map_err(std::io::Error::other)?
}

/// The answer of a resource to a method that no route of it takes: 204 to `OPTIONS`, otherwise 405. Both say in `Allow` which
/// methods it has.
pub(crate) fn other_method(allowed: String) -> impl Fn(HttpRequest) -> std::future::Ready<Result<HttpResponse, Problem>> + Clone {
    move |request| {
        if request.method() == Method::OPTIONS {
            return std::future::ready(Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allowed.as_str())).finish()));
        }
        let problem = Problem::new(ProblemCode::MethodNotAllowed, format!("Use {allowed}."));
        std::future::ready(Err(problem.header(header::ALLOW, allowed.as_str())))
    }
}

/// The answer for what no route matches.
pub async fn no_such_route() -> Result<HttpResponse, Problem> {
    Err(Problem::new(ProblemCode::NotFound, "There is no such route."))
}
