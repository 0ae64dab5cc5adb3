//! HTTP servers, and the responses to requests that match no route.

use std::any::Any;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::{Method, header};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, middleware, web};
use ipnet::IpNet;
use rowlock_domain::problem::ProblemCode;
use rustix::net::sockopt;

use crate::body::BodyLimit;
use crate::client_address::TrustedProxies;
use crate::cors::{AllowedOrigins, Origin, allow_origins};
use crate::deadline::{Deadline, enforce_deadline};
use crate::graceful_shutdown::GracefulShutdown;
use crate::head::drop_body_of_head;
use crate::problem::Problem;
use crate::request_log::{HttpMetrics, log_requests};
use rowlock_platform::settings::SettingsReader;
use rowlock_platform::telemetry::{Metrics, Traces};

/// Timeout for receiving a request head. actix responds 408 when it expires, even if this process was the one that stalled, so it
/// exceeds the gateway's timeout: by then the client has already been answered.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Size of the kernel's buffer for the data that a client has not accepted yet. It fits most responses. Without a limit it grows to
/// megabytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Settings of the section `http`.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Address and port to listen on. Port 0 selects a free one.
    pub listen: SocketAddr,
    /// Number of threads that handle requests.
    pub workers: usize,
    /// Maximum size of a request body in bytes.
    pub max_body_bytes: usize,
    /// How long a request may take until its response starts.
    pub deadline: Duration,
    /// How long a client may refuse to accept any part of a response before its connection is closed.
    pub send_timeout: Duration,
    /// Networks of the gateways whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose web pages may call the API from a browser.
    pub allowed_origins: Vec<Origin>,
}

impl HttpSettings {
    /// Reads the section `http`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let listen = reader.value("http.listen");
        let workers = reader.number("http.workers", 1..=64);
        let max_body_bytes = reader.number("http.max_body_bytes", 1024..=16 * 1024 * 1024);
        let deadline = reader.millis("http.deadline_ms", 100..=600_000);
        let send_timeout = reader.millis("http.send_timeout_ms", 1_000..=3_600_000);
        let trusted_proxies = reader.list("http.trusted_proxies");
        let allowed_origins = reader.list("http.allowed_origins");
        Some(Self {
            listen: listen?,
            workers: workers?,
            max_body_bytes: max_body_bytes?,
            deadline: deadline?,
            send_timeout: send_timeout?,
            trusted_proxies: trusted_proxies?,
            allowed_origins: allowed_origins?,
        })
    }
}

/// Binds a port, so that an invalid or used address is reported before anything else starts.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener =
        TcpListener::bind(address).map_err(|error| std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Creates the server of a service's public routes, with the body limit, deadline, CORS, request log and metrics, and with problem
/// documents for requests that match no route. `configure` adds the routes and their data.
pub fn public_server(
    listener: TcpListener,
    settings: &HttpSettings,
    shutdown: GracefulShutdown,
    metrics: &Metrics,
    traces: &Traces,
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> std::io::Result<Server> {
    let http_metrics = HttpMetrics::default();
    metrics.register(|registry| http_metrics.register(registry));
    let http_metrics = web::Data::new(http_metrics);
    let trusted = web::Data::new(TrustedProxies(settings.trusted_proxies.clone()));
    let origins = web::Data::new(AllowedOrigins(settings.allowed_origins.clone()));
    let deadline = web::Data::new(Deadline::after(settings.deadline));
    let traces = web::Data::new(traces.clone());
    let drain = shutdown.settings.drain;
    let shutdown = web::Data::new(shutdown);
    let payload_config = web::PayloadConfig::new(settings.max_body_bytes);
    let body_limit = web::Data::new(BodyLimit(settings.max_body_bytes));
    let app = move || {
        App::new()
            .app_data(http_metrics.clone())
            .app_data(payload_config.clone())
            .app_data(body_limit.clone())
            .app_data(trusted.clone())
            .app_data(origins.clone())
            .app_data(deadline.clone())
            .app_data(traces.clone())
            .app_data(shutdown.clone())
            .wrap(middleware::from_fn(enforce_deadline))
            .wrap(middleware::from_fn(allow_origins))
            .wrap(middleware::from_fn(drop_body_of_head))
            .wrap(middleware::from_fn(log_requests))
            .configure(configure.clone())
            .default_service(web::to(no_such_route))
    };
    let send_timeout = settings.send_timeout;
    let server = HttpServer::new(app)
        .on_connect(move |connection, _| limit_slow_client(connection, send_timeout))
        .workers(settings.workers)
        .client_request_timeout(REQUEST_HEAD_TIMEOUT)
        .disable_signals()
        .shutdown_timeout(drain.as_secs().max(1));
    Ok(server.listen(listener)?.run())
}

/// Limits the resources that a client that stops reading can hold: the kernel buffers little for it, and closes the connection when
/// it has accepted no data for the given time. actix has no such timeout, and it does not ask a body for more data while the buffer is full.
fn limit_slow_client(connection: &dyn Any, timeout: Duration) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    let millis = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let limited =
        sockopt::set_tcp_user_timeout(stream, millis).and_then(|()| sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER_BYTES));
    if let Err(error) = limited {
        tracing::debug!(%error, "cannot set the send timeout and buffer size of a connection; a client that stops reading is not disconnected");
    }
}

/// Serves until the graceful shutdown stops accepting requests, then finishes those in flight and returns.
pub async fn serve_public(server: Server, shutdown: &GracefulShutdown) -> std::io::Result<()> {
    serve(server, shutdown.stops_accepting()).await
}

/// Serves until `until` completes, then finishes the requests in flight and returns.
pub(crate) async fn serve(server: Server, until: impl Future<Output = ()>) -> std::io::Result<()> {
    let handle = server.handle();
    let mut running = tokio::spawn(server);
    tokio::select! {
        () = until => handle.stop(true).await,
        // The server ended on its own, and its result contains the reason.
        ended = &mut running => return ended.map_err(std::io::Error::other)?,
    }
    running.await.map_err(std::io::Error::other)?
}

/// Returns the handler for methods that a resource has no route for: 204 for `OPTIONS`, otherwise 405, both with the header
/// `Allow`.
pub(crate) fn unmatched_method(allowed: String) -> impl Fn(HttpRequest) -> std::future::Ready<Result<HttpResponse, Problem>> + Clone {
    move |request| {
        if request.method() == Method::OPTIONS {
            return std::future::ready(Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allowed.as_str())).finish()));
        }
        let problem = Problem::new(ProblemCode::MethodNotAllowed, format!("Use {allowed}."));
        std::future::ready(Err(problem.header(header::ALLOW, allowed.as_str())))
    }
}

/// Responds 404 to requests that match no route.
pub async fn no_such_route() -> Result<HttpResponse, Problem> {
    Err(Problem::new(ProblemCode::NotFound, "No route matches this URL."))
}
