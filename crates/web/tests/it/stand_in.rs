//! A stand-in for a service of the API: it responds as a test prescribes, and records the requests.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue reports the cause by panicking")]

use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

/// A request that the stand-in received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Received {
    /// Method, path and query.
    pub(crate) line: String,
    pub(crate) key: Option<String>,
    pub(crate) authorization: Option<String>,
    /// The JSON body; null if there is none.
    pub(crate) body: Value,
}

#[derive(Default)]
struct State {
    /// Method and path, status and document.
    responses: Vec<(String, u16, Value)>,
    received: Vec<Received>,
}

/// The stand-in. It stops when the value is dropped.
pub(crate) struct StandIn {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    server: ServerHandle,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let app = move || App::new().app_data(web::Data::from(shared.clone())).default_service(web::to(respond));
        let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", server.addrs().pop().unwrap());
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, state, server: handle }
    }

    /// Prescribes the response to a method and path, such as `GET /admin/webhooks`, with any query.
    pub(crate) fn respond(&self, line: impl Into<String>, status: u16, document: Value) {
        let (line, mut state) = (line.into(), self.state.lock().unwrap());
        state.responses.retain(|(known, ..)| *known != line);
        state.responses.push((line, status, document));
    }

    /// Prescribes a problem document with this code and these invalid fields.
    pub(crate) fn refuse(&self, line: impl Into<String>, status: u16, code: &str, fields: &[&str]) {
        let errors: Vec<_> = fields.iter().map(|field| json!({"field": field, "message": "is not what the API wants"})).collect();
        self.respond(line, status, json!({"status": status, "code": code, "title": "No", "errors": errors}));
    }

    /// Returns the requests since the last call that change something.
    pub(crate) fn take_changes(&self) -> Vec<Received> {
        let mut received = std::mem::take(&mut self.state.lock().unwrap().received);
        received.retain(|request| !request.line.starts_with("GET "));
        received
    }

    /// Returns method, path and query of the requests since the last call.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().received).into_iter().map(|request| request.line).collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // The message is sent at once; nobody has to wait until the server has stopped.
        drop(self.server.stop(false));
    }
}

async fn respond(request: HttpRequest, body: web::Bytes, state: web::Data<Mutex<State>>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let mut state = state.lock().unwrap();
    state.received.push(Received {
        line: format!("{} {}", request.method(), request.uri()),
        key: header("idempotency-key"),
        authorization: header("authorization"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let line = format!("{} {}", request.method(), request.path());
    let found = state.responses.iter().find(|(known, ..)| *known == line);
    let (status, document) = found.map_or((404, json!({"code": "webhook-not-found"})), |(_, status, document)| (*status, document.clone()));
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap());
    if document.is_null() { response.finish() } else { response.json(document) }
}
