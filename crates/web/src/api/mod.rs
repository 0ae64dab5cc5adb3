//! Client of the public API: one pooled HTTP client for all services.
//!
//! Every call forwards the visitor's address, the request id and the trace, so that rate limits count the visitor and the logs of
//! all services can be joined.

pub(crate) mod models;
pub(crate) mod problem;

use std::net::IpAddr;
use std::time::Duration;

use actix_web::web::Bytes;
use reqwest::Method;
use rowlock_platform::telemetry::traces;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::settings::ApiSettings;
use problem::{ApiError, read_problem};

/// First parts of the paths that auth-service serves. All other paths but [`NOTIFIER_PATH`] belong to booking-service.
const AUTH_PATHS: [&str; 19] = [
    "/api/createaccount",
    "/api/loginaccount",
    "/api/refreshtoken",
    "/api/logoutaccount",
    "/api/changepassword",
    "/api/forgotpassword",
    "/api/resetpassword",
    "/api/confirmemail",
    "/api/resendconfirmation",
    "/api/changeemail",
    "/api/unsubscribe",
    "/api/account",
    "/api/sessions",
    "/admin/createaccount",
    "/admin/loginaccount",
    "/admin/enabletotp",
    "/admin/confirmtotp",
    "/admin/disabletotp",
    "/admin/accounts",
];

/// First parts of the paths that the notifier serves.
const NOTIFIER_PATHS: [&str; 2] = ["/admin/webhooks", "/admin/deliveries"];

/// Maximum duration of a stream. The API ends personal ones when the access token expires.
const STREAM_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Client of the public API. Clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    auth: Url,
    booking: Url,
    notifier: Option<Url>,
}

/// For whom a request is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) address: Option<IpAddr>,
    pub(crate) request_id: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// The language of the page, which becomes that of an account created on it.
    pub(crate) language: Option<&'static str>,
}

/// A request to the API.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    method: Method,
    path: &'a str,
    token: Option<String>,
    idempotency_key: Option<&'a str>,
    if_match: Option<&'a str>,
    last_event: Option<&'a str>,
    transfer_token: Option<&'a str>,
    guest_token: Option<&'a str>,
    is_stream: bool,
    body: Option<serde_json::Value>,
    /// Media type and content of a body that is not JSON.
    file: Option<(&'a str, Bytes)>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self::new(Method::GET, path)
    }

    /// Creates a `POST` with a JSON body.
    pub(crate) fn post(path: &'a str, body: impl Serialize) -> Self {
        Self::new(Method::POST, path).body(body)
    }

    pub(crate) fn new(method: Method, path: &'a str) -> Self {
        Self {
            method,
            path,
            token: None,
            idempotency_key: None,
            if_match: None,
            last_event: None,
            transfer_token: None,
            guest_token: None,
            is_stream: false,
            body: None,
            file: None,
        }
    }

    /// Sets the JSON body. A value that cannot be written as JSON becomes `null`, which every route refuses.
    pub(crate) fn body(self, body: impl Serialize) -> Self {
        Self { body: Some(serde_json::to_value(body).unwrap_or_default()), ..self }
    }

    /// Sets a body that is not JSON.
    pub(crate) fn file(self, media_type: &'a str, content: Bytes) -> Self {
        Self { file: Some((media_type, content)), ..self }
    }

    /// Sets the access token.
    pub(crate) fn token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Sets the `Idempotency-Key`.
    pub(crate) fn key(self, key: &'a str) -> Self {
        Self { idempotency_key: Some(key), ..self }
    }

    /// Marks the response as a stream, which may take any time to end.
    pub(crate) fn stream(self) -> Self {
        Self { is_stream: true, ..self }
    }

    /// Sets `Last-Event-ID`, with which a stream is resumed.
    pub(crate) fn last_event(self, id: &'a str) -> Self {
        Self { last_event: Some(id), ..self }
    }

    /// Sets `X-Transfer-Token`, which proves that the visitor has the link of a transfer.
    pub(crate) fn transfer_token(self, token: &'a str) -> Self {
        // A token that is no header value is not the one of any transfer.
        Self { transfer_token: is_header_value(token).then_some(token), ..self }
    }

    /// Sets `X-Guest-Token`, with which a guest acts without an account. A token that is no header value is replaced by one that the
    /// API refuses.
    pub(crate) fn guest_token(self, token: &'a str) -> Self {
        Self { guest_token: Some(if is_header_value(token) { token } else { "-" }), ..self }
    }

    /// Sets `If-Match`, so that the call fails if the resource has changed.
    pub(crate) fn if_match(self, etag: &'a str) -> Self {
        Self { if_match: Some(etag), ..self }
    }
}

impl Api {
    /// Creates the client. Fails if the TLS or DNS backend cannot be initialized.
    pub(crate) fn new(settings: &ApiSettings) -> Result<Self, reqwest::Error> {
        let http = rowlock_http::service_client(settings.timeout).connect_timeout(Duration::from_secs(2)).build()?;
        let ApiSettings { auth_url, booking_url, notifier_url, timeout: _ } = settings.clone();
        Ok(Self { http, auth: auth_url, booking: booking_url, notifier: notifier_url })
    }

    /// Returns whether the installation has a notifier, which serves the routes for webhooks and mails.
    pub(crate) fn has_notifier(&self) -> bool {
        self.notifier.is_some()
    }

    /// Sends a call and reads the JSON document of its response.
    pub(crate) async fn send<T: DeserializeOwned>(&self, call: &Call<'_>, origin: &Origin) -> Result<T, ApiError> {
        let response = self.respond(call, origin).await?;
        response.json().await.map_err(ApiError::Unreadable)
    }

    /// Sends a call whose response has no document.
    pub(crate) async fn send_empty(&self, call: &Call<'_>, origin: &Origin) -> Result<(), ApiError> {
        self.respond(call, origin).await.map(drop)
    }

    /// Sends a call and returns the successful response, for documents that are not JSON or whose headers matter.
    pub(crate) async fn respond(&self, call: &Call<'_>, origin: &Origin) -> Result<reqwest::Response, ApiError> {
        let mut request = self.http.request(call.method.clone(), self.url(call.path));
        if let Some(token) = &call.token {
            request = request.bearer_auth(token);
        }
        if call.is_stream {
            request = request.timeout(STREAM_TIMEOUT);
        }
        let optional = [
            ("idempotency-key", call.idempotency_key.map(str::to_owned)),
            ("if-match", call.if_match.map(str::to_owned)),
            ("last-event-id", call.last_event.map(str::to_owned)),
            ("x-transfer-token", call.transfer_token.map(str::to_owned)),
            ("x-guest-token", call.guest_token.map(str::to_owned)),
            ("x-forwarded-for", origin.address.map(|address| address.to_string())),
            ("x-request-id", origin.request_id.clone()),
            ("accept-language", origin.language.map(str::to_owned)),
            ("user-agent", origin.user_agent.clone()),
            ("traceparent", traces::current().map(|context| context.to_string())),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        if let Some((media_type, content)) = &call.file {
            request = request.header("content-type", *media_type).body(content.clone());
        }
        // Boxed, because the future of a request is large and part of the future of every page.
        let response = Box::pin(request.send()).await.map_err(ApiError::Unreachable)?;
        if response.status().is_success() { Ok(response) } else { Err(read_problem(response).await) }
    }

    fn url(&self, path: &str) -> String {
        let base = match &self.notifier {
            Some(notifier) if NOTIFIER_PATHS.iter().any(|known| is_below(path, known)) => notifier,
            _ if AUTH_PATHS.iter().any(|known| is_below(path, known)) => &self.auth,
            _ => &self.booking,
        };
        format!("{}{path}", base.as_str().trim_end_matches('/'))
    }
}

/// Returns whether a token can be the value of a header.
fn is_header_value(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns whether `path` is `parent` or below it.
fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_goes_to_the_service_that_serves_it() {
        let settings = ApiSettings {
            auth_url: "http://auth:1".parse().unwrap(),
            booking_url: "http://booking:2/".parse().unwrap(),
            notifier_url: "http://notifier:3".parse().ok(),
            timeout: Duration::from_secs(1),
        };
        let api = Api::new(&settings).unwrap();
        assert_eq!(api.url("/api/account"), "http://auth:1/api/account");
        assert_eq!(api.url("/api/account/export"), "http://auth:1/api/account/export");
        assert_eq!(api.url("/admin/accounts?q=a"), "http://auth:1/admin/accounts?q=a");
        assert_eq!(api.url("/api/events"), "http://booking:2/api/events");
        assert_eq!(api.url("/admin/auditlog"), "http://booking:2/admin/auditlog");
        assert_eq!(api.url("/admin/webhooks?limit=5"), "http://notifier:3/admin/webhooks?limit=5");
        assert_eq!(api.url("/admin/deliveries?status=failed"), "http://notifier:3/admin/deliveries?status=failed");
    }
}
