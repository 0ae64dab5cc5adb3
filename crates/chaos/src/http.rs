//! HTTP client of the API: one request and its result.

use std::time::Duration;

use reqwest::Method;

use crate::Fallible;

/// Client timeout. It exceeds the gateway's timeout of 30 seconds.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);

/// A response of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiResponse {
    /// HTTP status code.
    pub status: u16,
    /// The `code` of a problem document; empty for a success.
    pub code: String,
    /// Whether this is the stored response of an earlier request with the same idempotency key.
    pub replayed: bool,
    /// Response body, unmodified.
    pub body: String,
}

/// Why a request received no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// No response arrived before the timeout.
    Timeout,
    /// The connection was refused or lost.
    ConnectionFailed(String),
}

/// Result of sending a request.
pub type SendResult = Result<ApiResponse, SendError>;

/// A request to the API.
#[derive(Debug, Clone)]
pub struct ApiRequest<'a> {
    /// HTTP method.
    pub method: Method,
    /// Path with the query string.
    pub path: &'a str,
    /// Access token.
    pub token: Option<&'a str>,
    /// Idempotency key.
    pub key: Option<&'a str>,
    /// Token that authorizes the creation of the first administrator.
    pub bootstrap: Option<&'a str>,
    /// JSON body.
    pub body: Option<String>,
    /// Timeout for this request.
    pub timeout: Duration,
}

impl<'a> ApiRequest<'a> {
    /// Creates a GET request.
    pub fn get(path: &'a str, token: &'a str) -> Self {
        Self { method: Method::GET, path, token: Some(token), key: None, bootstrap: None, body: None, timeout: REQUEST_TIMEOUT }
    }

    /// Creates a POST request with a JSON body.
    pub fn post(path: &'a str, body: &serde_json::Value) -> Self {
        Self { method: Method::POST, path, token: None, key: None, bootstrap: None, body: Some(body.to_string()), timeout: REQUEST_TIMEOUT }
    }

    /// Adds an access token.
    pub fn with_token(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }
}

/// HTTP client of the gateway or of one service.
#[derive(Debug, Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base: String,
}

impl ApiClient {
    /// Creates a client for a port of 127.0.0.1.
    pub fn at(port: u16) -> Fallible<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, base: format!("http://127.0.0.1:{port}") })
    }

    /// Sends a request and waits for the complete response.
    pub async fn send(&self, request: &ApiRequest<'_>) -> SendResult {
        let mut builder = self.http.request(request.method.clone(), format!("{}{}", self.base, request.path)).timeout(request.timeout);
        if let Some(token) = request.token {
            builder = builder.bearer_auth(token);
        }
        if let Some(key) = request.key {
            builder = builder.header("idempotency-key", key);
        }
        if let Some(token) = request.bootstrap {
            builder = builder.header("x-bootstrap-token", token);
        }
        if let Some(body) = &request.body {
            builder = builder.header("content-type", "application/json").body(body.clone());
        }
        let response = builder.send().await.map_err(|error| send_error(&error))?;
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let body = response.text().await.map_err(|error| send_error(&error))?;
        let code = if status < 400 { String::new() } else { problem_code(&body) };
        Ok(ApiResponse { status, code, replayed, body })
    }
}

fn problem_code(body: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    document.get("code").and_then(serde_json::Value::as_str).unwrap_or("no problem document").to_owned()
}

fn send_error(error: &reqwest::Error) -> SendError {
    if error.is_timeout() {
        return SendError::Timeout;
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    SendError::ConnectionFailed(text)
}

impl ApiResponse {
    /// Returns whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns whether the response is final (2xx or a definitive rejection). 429 and 5xx are retryable and therefore not
    /// final.
    pub fn is_final(&self) -> bool {
        self.status < 500 && self.status != 429
    }

    /// Parses the body as JSON. Returns null if the body is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}
