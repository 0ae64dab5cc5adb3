//! HTTP client for the Rowlock API, with timeouts, and the mapping of responses to failures.
//!
//! The most important distinction: if the response to a change is lost, the change must not be reported as failed.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Method, Response, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Timeout};

use crate::error::{Failure, Problem};
use crate::server_url::ServerUrl;

/// Read and write timeout. A little longer than the gateway waits for a service.
const SILENCE: Duration = Duration::from_secs(40);
const CONNECT: Duration = Duration::from_secs(10);

/// An API request.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    method: Method,
    path: String,
    query: Vec<(&'a str, String)>,
    body: Option<Value>,
    accept: &'a str,
    if_match: Option<String>,
    /// Whether the request can be repeated safely if its response is lost.
    harmless: bool,
}

impl<'a> Call<'a> {
    /// Creates a GET request that accepts JSON.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: None,
            accept: "application/json",
            if_match: None,
            harmless: true,
        }
    }

    /// Creates a POST request with a JSON body. It is not safe to repeat, unless marked as [`harmless`](Self::harmless).
    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), harmless: false, ..Self::get(path) }
    }

    /// Creates a PATCH request with a JSON body. It is not safe to repeat.
    pub(crate) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PATCH, ..Self::post(path, body) }
    }

    /// Creates a DELETE request. It is not safe to repeat.
    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, harmless: false, ..Self::get(path) }
    }

    /// Marks a change as safe to repeat.
    pub(crate) fn harmless(self) -> Self {
        Self { harmless: true, ..self }
    }

    /// Adds a query parameter, unless the value is `None`.
    pub(crate) fn with(mut self, name: &'a str, value: Option<String>) -> Self {
        self.query.extend(value.map(|value| (name, value)));
        self
    }

    /// Requests another response format.
    pub(crate) fn accepting(self, accept: &'a str) -> Self {
        Self { accept, ..self }
    }

    /// Makes the request conditional on the ETag (`If-Match`).
    pub(crate) fn if_unchanged(self, etag: Option<String>) -> Self {
        Self { if_match: etag, ..self }
    }
}

/// A successful response.
#[derive(Debug)]
pub(crate) struct Answer {
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
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .build();
        Self { agent: config.new_agent(), url }
    }

    /// Sends a request and reads the complete response. Fails unless the status is 2xx.
    pub(crate) fn send(&self, call: &Call<'_>, token: Option<&str>) -> Result<Answer, Failure> {
        let response = self.open(call, token)?;
        let etag = text_of(&response, header::ETAG);
        let text = response.into_body().read_to_string().map_err(|error| self.lost(call, &error))?;
        if text.is_empty() {
            return Ok(Answer { body: Value::Null, etag });
        }
        let body = serde_json::from_str(&text).map_err(|_| self.not_rowlock("the answer is not JSON".to_owned()))?;
        Ok(Answer { body, etag })
    }

    /// Sends a request and returns the response without reading its body. Fails unless the status is 2xx.
    pub(crate) fn open(&self, call: &Call<'_>, token: Option<&str>) -> Result<Response<Body>, Failure> {
        let mut request =
            ureq::http::Request::builder().method(call.method.clone()).uri(self.address(call)).header(header::ACCEPT, call.accept);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(etag) = &call.if_match {
            request = request.header(header::IF_MATCH, etag);
        }
        let unusable = |error| Failure::Other(format!("The request cannot be made: {error}"));
        let sent = match &call.body {
            None => self.agent.run(request.body(()).map_err(unusable)?),
            Some(body) => {
                self.agent.run(request.header(header::CONTENT_TYPE, "application/json").body(body.to_string()).map_err(unusable)?)
            }
        };
        let response = sent.map_err(|error| self.lost(call, &error))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(call, response)) }
    }

    fn address(&self, call: &Call<'_>) -> String {
        let address = self.url.with(&call.path);
        if call.query.is_empty() {
            return address;
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.query).finish();
        format!("{address}?{query}")
    }

    /// Returns the failure for a response whose status is not 2xx.
    fn refusal(&self, call: &Call<'_>, response: Response<Body>) -> Failure {
        let status = response.status();
        let is_problem = text_of(&response, header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/problem+json"));
        if !is_problem {
            let onward = text_of(&response, header::LOCATION).filter(|_| status.is_redirection());
            return self.not_rowlock(match onward {
                Some(location) => format!("it sends us on to {location}"),
                None => format!("status {status} without a problem document"),
            });
        }
        let retry_after = text_of(&response, header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let text = match response.into_body().read_to_string() {
            Ok(text) => text,
            Err(error) => return self.lost(call, &error),
        };
        let document: Value = serde_json::from_str(&text).unwrap_or_default();
        match serde_json::from_value::<Problem>(document.clone()) {
            Ok(mut problem) => {
                problem.retry_after = retry_after;
                problem.document = document;
                Failure::Refused(Box::new(problem))
            }
            Err(_) => self.not_rowlock(format!("status {status} with a problem document of an unknown form")),
        }
    }

    /// Returns the failure for a missing response: if the request may have changed something, the outcome is unknown.
    fn lost(&self, call: &Call<'_>, error: &Error) -> Failure {
        if call.harmless || was_never_sent(error) {
            Failure::Unreachable { url: self.url.to_string(), reason: reason(error) }
        } else {
            Failure::AnswerLost(reason(error))
        }
    }

    pub(crate) fn not_rowlock(&self, what: String) -> Failure {
        Failure::NotRowlock { url: self.url.to_string(), what }
    }
}

/// Describes a transport error for people.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::HostNotFound => "there is no host of this name".to_owned(),
        Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => "nobody listens there (connection refused)".to_owned(),
        Error::Io(error) => error.to_string(),
        Error::Timeout(_) => "no answer in time".to_owned(),
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

fn text_of<B>(response: &Response<B>, name: header::HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
