//! Sends requests to targets.
//!
//! Each request gets a connection of its own to an address that the policy permits. The client follows no redirects, uses no proxy,
//! and reads no more of a response than is stored.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Position};

use super::target::{Resolver, TargetPolicy, WebhookUrl, system_resolver};

/// Maximum number of bytes of a response body that are stored.
const MAX_BODY: usize = 1_024;

/// Maximum size of the head of a response, in bytes.
const MAX_HEAD: usize = 16 * 1_024;

/// The name and version of the client.
const USER_AGENT: &str = concat!("Rowlock/", env!("CARGO_PKG_VERSION"));

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct OutgoingRequest<'a> {
    /// The URL, as it is stored.
    pub(super) url: &'a str,
    /// The header `webhook-id`.
    pub(super) id: String,
    /// The header `webhook-timestamp`.
    pub(super) timestamp: i64,
    /// The header `webhook-signature`.
    pub(super) signatures: String,
    /// The body, which is JSON.
    pub(super) body: &'a str,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The beginning of the body.
    pub(crate) body: String,
}

/// The result of sending a request.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The time that the attempt took.
    pub(crate) took: Duration,
    /// The response, or the reason why there is none.
    pub(crate) result: Result<Answer, String>,
}

/// The head of a response, whose body is read while the connection is open.
struct Answering {
    response: Response<Incoming>,
    _connection: AbortOnDropHandle<()>,
}

/// Sends requests. It keeps no connections.
pub(crate) struct Client {
    policy: TargetPolicy,
    resolver: Resolver,
    connect_timeout: Duration,
    timeout: Duration,
    /// Created for the first encrypted connection, because it needs the certificates of the system.
    tls: OnceLock<Result<TlsConnector, String>>,
}

impl Client {
    /// Creates a client. A connection attempt takes at most `connect_timeout`, and a request with its response `timeout`.
    pub(crate) fn new(policy: TargetPolicy, connect_timeout: Duration, timeout: Duration) -> Self {
        Self { policy, resolver: system_resolver(), connect_timeout, timeout, tls: OnceLock::new() }
    }

    /// Sends a request and waits for the response.
    pub(super) async fn send(&self, request: &OutgoingRequest<'_>) -> Attempt {
        let since = Instant::now();
        let result = self.answer(request, since + self.timeout).await;
        Attempt { took: since.elapsed(), result }
    }

    async fn answer(&self, request: &OutgoingRequest<'_>, deadline: Instant) -> Result<Answer, String> {
        let too_late = |_| format!("no response within {:?}", self.timeout);
        let Answering { response, _connection } = timeout_at(deadline, self.begin(request)).await.map_err(too_late)??;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        // The status decides. A body that is incomplete or late makes no difference.
        let _ = timeout_at(deadline, read_beginning(response.into_body(), &mut body)).await;
        Ok(Answer { status, body: printable(&body) })
    }

    /// Sends a request and waits for the head of the response.
    async fn begin(&self, request: &OutgoingRequest<'_>) -> Result<Answering, String> {
        let url: WebhookUrl = request.url.parse().map_err(|error| format!("the URL {error}"))?;
        let addresses = self.policy.resolve(&url, &self.resolver).await.map_err(|error| error.to_string())?;
        let stream = self.connect(&addresses).await?;
        let message = message(&url, request).map_err(|error| format!("the request cannot be written: {error}"))?;
        if !url.is_encrypted() {
            return exchange(stream, message).await;
        }
        let tls = self.tls.get_or_init(tls).as_ref().map_err(|error| format!("the connection cannot be encrypted: {error}"))?;
        let insecure = |error: io::Error| format!("the connection cannot be encrypted: {error}");
        let stream = tls.connect(server_name(&url)?, stream).await.map_err(insecure)?;
        exchange(stream, message).await
    }

    /// Connects to the first address that accepts a connection.
    async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, String> {
        let mut last = "the host has no address".to_owned();
        for address in addresses {
            match timeout(self.connect_timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(|error| format!("cannot use the connection to {address}: {error}"))?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = format!("cannot connect to {address}: {error}"),
                Err(_) => last = format!("cannot connect to {address} within {:?}", self.connect_timeout),
            }
        }
        Err(last)
    }
}

/// Returns the configuration of encrypted connections, which trusts the certificates of the system.
fn tls() -> Result<TlsConnector, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier);
    let mut config = config.map_err(|error| error.to_string())?.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}

/// Returns the name that the certificate must contain.
fn server_name(url: &WebhookUrl) -> Result<ServerName<'static>, String> {
    match url.as_url().host() {
        Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(|error| format!("the host has an invalid name: {error}")),
        Some(Host::Ipv4(address)) => Ok(ServerName::IpAddress(std::net::IpAddr::from(address).into())),
        Some(Host::Ipv6(address)) => Ok(ServerName::IpAddress(std::net::IpAddr::from(address).into())),
        None => Err("the URL has no host".to_owned()),
    }
}

fn message(url: &WebhookUrl, request: &OutgoingRequest<'_>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let url = url.as_url();
    Request::post(&url[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .header("webhook-id", &request.id)
        .header("webhook-timestamp", request.timestamp)
        .header("webhook-signature", &request.signatures)
        .body(Full::from(request.body.to_owned()))
}

/// Sends a request on a new connection and waits for the head of the response.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answering, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| format!("the exchange failed: {}", with_source(&error));
    let (mut sender, connection) = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // An error of the connection is also that of the request.
    let connection = AbortOnDropHandle::new(tokio::spawn(async move { drop(connection.await) }));
    let response = sender.send_request(request).await.map_err(failed)?;
    Ok(Answering { response, _connection: connection })
}

/// Returns an error with its cause, because the errors of HTTP do not contain that.
fn with_source(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Reads at most [`MAX_BODY`] bytes.
async fn read_beginning(mut body: Incoming, into: &mut Vec<u8>) {
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            into.extend(data.iter().take(MAX_BODY.saturating_sub(into.len())));
        }
        if into.len() >= MAX_BODY {
            return;
        }
    }
}

/// Returns text that PostgreSQL stores: invalid UTF-8 and null characters are replaced.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests;
