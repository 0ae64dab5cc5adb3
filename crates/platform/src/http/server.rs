//! Binding and serving, and the answers for what no route takes.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::Server;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use rowlock_domain::problem::ProblemCode;
use tokio_util::sync::CancellationToken;

use crate::problem::Problem;
use crate::settings::SettingsReader;

/// How a service listens.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that handle requests.
    pub workers: usize,
    /// The largest body taken, in bytes.
    pub max_body_bytes: usize,
}

impl HttpSettings {
    /// Reads the section `http`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let listen = reader.value("http.listen");
        let workers = reader.number("http.workers", 1..=64);
        let max_body_bytes = reader.number("http.max_body_bytes", 1024..=16 * 1024 * 1024);
        Some(Self { listen: listen?, workers: workers?, max_body_bytes: max_body_bytes? })
    }
}

/// Takes the port, so that a wrong or taken address is told before anything else starts.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener =
        TcpListener::bind(address).map_err(|error| std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until the token is cancelled, then finishes what is in flight and returns.
pub async fn serve(server: Server, stop: CancellationToken) -> std::io::Result<()> {
    let handle = server.handle();
    let mut running = tokio::spawn(server);
    tokio::select! {
        () = stop.cancelled() => handle.stop(true).await,
        // The server ended by itself: its result tells why.
        ended = &mut running => return ended.map_err(std::io::Error::other)?,
    }
    running.await.map_err(std::io::Error::other)?
}

/// The answer of a resource to a method that it does not have. `allowed` is what it has.
pub fn method_not_allowed(allowed: &'static str) -> impl Fn(HttpRequest) -> std::future::Ready<Result<HttpResponse, Problem>> + Clone {
    move |_| std::future::ready(Err(Problem::new(ProblemCode::MethodNotAllowed, format!("Use {allowed}.")).header(header::ALLOW, allowed)))
}

/// The answer for what no route matches.
pub async fn no_such_route() -> Result<HttpResponse, Problem> {
    Err(Problem::new(ProblemCode::NotFound, "There is no such route."))
}
