//! HTTP client for the Rowlock API, with timeouts, and the mapping of responses to failures.
//!
//! The most important distinction: if the response to a change is lost, the change must not be reported as failed.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use rowlock_platform::clock::Clock;
use serde_json::Value;
use ureq::http::{Method, Response, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Timeout};

use crate::error::{Failure, Problem};
use crate::server_url::ServerUrl;

/// Read and write timeout. It exceeds the time that the gateway waits for a service, so that the gateway's response arrives.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Delays before a request with an `Idempotency-Key` is repeated whose response was lost.
const REPEAT_DELAYS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// The body of a request.
#[derive(Debug, Clone)]
enum RequestBody {
    Json(Value),
    File { media_type: &'static str, content: Vec<u8> },
}

/// An API request.
#[derive(Debug, Clone)]
pub(crate) struct ApiRequest<'a> {
    method: Method,
    path: String,
    query: Vec<(&'a str, String)>,
    body: Option<RequestBody>,
    accept: &'a str,
    if_match: Option<String>,
    /// The `Idempotency-Key` with which the request can be repeated.
    key: Option<String>,
    /// Whether the request can be repeated safely if its response is lost.
    idempotent: bool,
}

impl<'a> ApiRequest<'a> {
    /// Creates a GET request that accepts JSON.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: None,
            accept: "application/json",
            if_match: None,
            key: None,
            idempotent: true,
        }
    }

    /// Creates a POST request with a JSON body. It is not safe to repeat, unless marked as [`idempotent`](Self::idempotent).
    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(RequestBody::Json(body)), idempotent: false, ..Self::get(path) }
    }

    /// Creates a POST request without a body. It is not safe to repeat, unless marked as [`idempotent`](Self::idempotent).
    pub(crate) fn post_empty(path: impl Into<String>) -> Self {
        Self { method: Method::POST, idempotent: false, ..Self::get(path) }
    }

    /// Creates a PATCH request with a JSON body. It is not safe to repeat.
    pub(crate) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PATCH, ..Self::post(path, body) }
    }

    /// Creates a PUT request with a file. It is safe to repeat.
    pub(crate) fn put_file(path: impl Into<String>, media_type: &'static str, content: Vec<u8>) -> Self {
        Self { method: Method::PUT, body: Some(RequestBody::File { media_type, content }), ..Self::get(path) }
    }

    /// Creates a DELETE request. It is not safe to repeat.
    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, idempotent: false, ..Self::get(path) }
    }

    /// Marks a change as safe to repeat.
    pub(crate) fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// Gives a change an `Idempotency-Key`, a new one by default. If its response is lost, [`Api::send`] repeats it, and the service
    /// returns the response to the first request.
    pub(crate) fn with_key(self, key: Option<String>) -> Self {
        Self { key: Some(key.unwrap_or_else(|| Clock::system().uuid().to_string())), ..self }
    }

    /// Adds a query parameter, unless the value is `None`.
    pub(crate) fn query(mut self, name: &'a str, value: Option<String>) -> Self {
        self.query.extend(value.map(|value| (name, value)));
        self
    }

    /// Requests another response format.
    pub(crate) fn accept(self, accept: &'a str) -> Self {
        Self { accept, ..self }
    }

    /// Makes the request conditional on the ETag (`If-Match`).
    pub(crate) fn if_match(self, etag: Option<String>) -> Self {
        Self { if_match: etag, ..self }
    }
}

/// A successful response.
#[derive(Debug)]
pub(crate) struct ApiResponse {
    /// The body; null if there is none.
    pub(crate) body: Value,
    /// The ETag.
    pub(crate) etag: Option<String>,
}

/// Client for the API of one server.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    agent: Agent,
    pub(crate) url: ServerUrl,
}

impl Api {
    pub(crate) fn new(url: ServerUrl) -> Self {
        // The operating system's trust store is used, so that the certificate authority of an operator works without another
        // setting.
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("rowlockctl/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(RESPONSE_TIMEOUT))
            .timeout_per_write(Some(RESPONSE_TIMEOUT))
            .build();
        Self { agent: config.new_agent(), url }
    }

    /// Sends a request and reads the complete response. Fails unless the status is 2xx. A request with an `Idempotency-Key` is repeated
    /// if its response is lost.
    pub(crate) fn send(&self, request: &ApiRequest<'_>, token: Option<&str>) -> Result<ApiResponse, Failure> {
        let Some(key) = &request.key else { return self.send_once(request, token) };
        for delay in REPEAT_DELAYS {
            match self.send_once(request, token) {
                Err(failure) if failure.leaves_outcome_unknown() => std::thread::sleep(delay),
                result => return result,
            }
        }
        match self.send_once(request, token) {
            Err(failure) if failure.leaves_outcome_unknown() => {
                Err(Failure::KeyedOutcomeUnknown { reason: failure.to_string(), key: key.clone() })
            }
            result => result,
        }
    }

    fn send_once(&self, request: &ApiRequest<'_>, token: Option<&str>) -> Result<ApiResponse, Failure> {
        let response = self.open(request, token)?;
        let etag = header_text(&response, header::ETAG);
        let text = response.into_body().read_to_string().map_err(|error| self.transport_failure(request, &error))?;
        if text.is_empty() {
            return Ok(ApiResponse { body: Value::Null, etag });
        }
        let body = serde_json::from_str(&text).map_err(|_| self.unexpected_response("the response is not JSON".to_owned()))?;
        Ok(ApiResponse { body, etag })
    }

    /// Sends a request and returns the response without reading its body. Fails unless the status is 2xx.
    pub(crate) fn open(&self, request: &ApiRequest<'_>, token: Option<&str>) -> Result<Response<Body>, Failure> {
        let mut builder =
            ureq::http::Request::builder().method(request.method.clone()).uri(self.url_of(request)).header(header::ACCEPT, request.accept);
        if let Some(token) = token {
            builder = builder.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(etag) = &request.if_match {
            builder = builder.header(header::IF_MATCH, etag);
        }
        if let Some(key) = &request.key {
            builder = builder.header("Idempotency-Key", key);
        }
        let invalid = |error| Failure::Other(format!("Cannot build the request: {error}"));
        let outcome = match &request.body {
            None => self.agent.run(builder.body(()).map_err(invalid)?),
            Some(RequestBody::Json(body)) => {
                self.agent.run(builder.header(header::CONTENT_TYPE, "application/json").body(body.to_string()).map_err(invalid)?)
            }
            Some(RequestBody::File { media_type, content }) => {
                self.agent.run(builder.header(header::CONTENT_TYPE, *media_type).body(content.as_slice()).map_err(invalid)?)
            }
        };
        let response = outcome.map_err(|error| self.transport_failure(request, &error))?;
        if response.status().is_success() { Ok(response) } else { Err(self.rejection(request, response)) }
    }

    fn url_of(&self, request: &ApiRequest<'_>) -> String {
        let url = self.url.join(&request.path);
        if request.query.is_empty() {
            return url;
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
        format!("{url}?{query}")
    }

    /// Returns the failure for a response whose status is not 2xx.
    fn rejection(&self, request: &ApiRequest<'_>, response: Response<Body>) -> Failure {
        let status = response.status();
        let is_problem = header_text(&response, header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/problem+json"));
        if !is_problem {
            let redirect = header_text(&response, header::LOCATION).filter(|_| status.is_redirection());
            return self.unexpected_response(match redirect {
                Some(location) => format!("it redirects to {location}"),
                None => format!("status {status} without a problem document"),
            });
        }
        let retry_after = header_text(&response, header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let text = match response.into_body().read_to_string() {
            Ok(text) => text,
            Err(error) => return self.transport_failure(request, &error),
        };
        let document: Value = serde_json::from_str(&text).unwrap_or_default();
        match serde_json::from_value::<Problem>(document.clone()) {
            Ok(mut problem) => {
                problem.retry_after = retry_after;
                problem.document = document;
                Failure::Rejected(Box::new(problem))
            }
            Err(_) => self.unexpected_response(format!("status {status} with a malformed problem document")),
        }
    }

    /// Returns the failure for a missing response: if the request may have changed something, the outcome is unknown.
    fn transport_failure(&self, request: &ApiRequest<'_>, error: &Error) -> Failure {
        if request.idempotent || was_never_sent(error) {
            Failure::Unreachable { url: self.url.to_string(), reason: reason(error) }
        } else {
            Failure::OutcomeUnknown(reason(error))
        }
    }

    pub(crate) fn unexpected_response(&self, description: String) -> Failure {
        Failure::UnexpectedResponse { url: self.url.to_string(), description }
    }
}

/// Describes a transport error for people.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::HostNotFound => "there is no host with this name".to_owned(),
        Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            "no program listens on this port (connection refused)".to_owned()
        }
        Error::Io(error) => error.to_string(),
        Error::Timeout(_) => "no response before the timeout".to_owned(),
        error => error.to_string(),
    }
}

/// Returns whether the server cannot have received the request.
fn was_never_sent(error: &Error) -> bool {
    match error {
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::BadUri(_)
        | Error::InvalidProxyUrl
        | Error::Tls(_)
        | Error::Rustls(_)
        | Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        Error::Io(error) => {
            matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
        }
        _ => false,
    }
}

fn header_text<B>(response: &Response<B>, name: header::HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
