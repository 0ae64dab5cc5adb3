//! One request to the API and what came of it.

use std::time::Duration;

use reqwest::Method;

use crate::Fallible;

/// How long a client waits for any answer. The gateway itself gives up after 30 seconds.
pub const DEADLINE: Duration = Duration::from_secs(35);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `code` of a problem document; empty for a success.
    pub code: String,
    /// Whether it is the answer of an earlier request with the same key.
    pub replayed: bool,
    /// The body of a success or of a decided refusal, to the letter.
    pub body: String,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// None came in time: the request hung.
    Late,
    /// The connection was refused or broke.
    Broken(String),
}

/// What came of a request.
pub type Answer = Result<Reply, NoAnswer>;

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: &'a str,
    /// The access token.
    pub token: Option<&'a str>,
    /// The idempotency key.
    pub key: Option<&'a str>,
    /// The token that makes the first administrator.
    pub bootstrap: Option<&'a str>,
    /// The body.
    pub body: Option<String>,
    /// Instead of [`DEADLINE`].
    pub deadline: Duration,
}

impl<'a> Question<'a> {
    /// A GET.
    pub fn get(path: &'a str, token: &'a str) -> Self {
        Self { method: Method::GET, path, token: Some(token), key: None, bootstrap: None, body: None, deadline: DEADLINE }
    }

    /// A POST of JSON.
    pub fn post(path: &'a str, body: &serde_json::Value) -> Self {
        Self { method: Method::POST, path, token: None, key: None, bootstrap: None, body: Some(body.to_string()), deadline: DEADLINE }
    }

    /// The same with a token.
    pub fn with_token(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }
}

/// A way to the API: the gateway, or one service's own port.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
}

impl Api {
    /// At a port of 127.0.0.1.
    pub fn at(port: u16) -> Fallible<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, base: format!("http://127.0.0.1:{port}") })
    }

    /// Sends a request and waits for the whole answer.
    pub async fn ask(&self, question: &Question<'_>) -> Answer {
        let mut request = self.http.request(question.method.clone(), format!("{}{}", self.base, question.path)).timeout(question.deadline);
        if let Some(token) = question.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = question.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(token) = question.bootstrap {
            request = request.header("x-bootstrap-token", token);
        }
        if let Some(body) = &question.body {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        let response = request.send().await.map_err(|error| no_answer(&error))?;
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let body = response.text().await.map_err(|error| no_answer(&error))?;
        let code = if status < 400 { String::new() } else { code_of(&body) };
        Ok(Reply { status, code, replayed, body })
    }
}

fn code_of(body: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    document.get("code").and_then(serde_json::Value::as_str).unwrap_or("no problem document").to_owned()
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return NoAnswer::Late;
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    NoAnswer::Broken(text)
}

impl Reply {
    /// A 2xx: a promise.
    pub fn is_promise(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the question is settled: a promise or a refusal. What says «later» (429, 5xx) is not.
    pub fn is_definite(&self) -> bool {
        self.status < 500 && self.status != 429
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}
