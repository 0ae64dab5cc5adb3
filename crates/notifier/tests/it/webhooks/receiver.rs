//! A receiver of webhooks that does as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The treatment of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reply {
    /// Responds with this status and body.
    Status(u16, &'static str),
    /// Redirects to this path of the same receiver.
    Redirect(&'static str),
    /// Never responds.
    Hang,
}

/// The response of a receiver that takes a message.
pub(super) const TAKEN: Reply = Reply::Status(200, "taken");

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    path: String,
    pub(super) id: String,
    pub(super) timestamp: String,
    pub(super) signature: String,
    pub(super) body: String,
}

impl Received {
    /// Returns how many of the signatures were made with a secret.
    pub(super) fn signed_by(&self, secret: &Value) -> usize {
        let key = STANDARD.decode(secret.as_str().unwrap().strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.signature.split(' ').filter(|signature| *signature == expected).count()
    }

    /// Returns the body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Script = Arc<dyn Fn(&str, usize) -> Reply + Send + Sync>;

/// A server that runs until it is stopped.
pub(super) struct Receiver {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Received>>>,
    server: ServerHandle,
}

impl Receiver {
    pub(super) fn start(script: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let log = Arc::<Mutex<Vec<Received>>>::default();
        let (script, seen): (Script, _) = (Arc::new(script), log.clone());
        let state = web::Data::new((script, seen));
        let server = HttpServer::new(move || App::new().app_data(state.clone()).default_service(web::to(receive)))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, log, server: handle }
    }

    /// Returns the URL of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the requests to a path.
    pub(super) fn received(&self, path: &str) -> Vec<Received> {
        self.log.lock().unwrap().iter().filter(|received| received.path == path).cloned().collect()
    }

    pub(super) async fn stop(self) {
        self.server.stop(false).await;
    }
}

async fn receive(state: web::Data<(Script, Arc<Mutex<Vec<Received>>>)>, request: HttpRequest, body: String) -> HttpResponse {
    let (script, log) = &**state;
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let received = Received {
        path: request.path().to_owned(),
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body,
    };
    let earlier = {
        let mut log = log.lock().unwrap();
        let earlier = log.iter().filter(|earlier| earlier.path == received.path).count();
        log.push(received);
        earlier
    };
    match script(request.path(), earlier) {
        Reply::Status(status, body) => HttpResponse::build(StatusCode::from_u16(status).unwrap()).body(body),
        Reply::Redirect(path) => HttpResponse::Found().insert_header(("location", path)).finish(),
        Reply::Hang => std::future::pending().await,
    }
}
