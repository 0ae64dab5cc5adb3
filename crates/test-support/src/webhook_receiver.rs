//! A receiver of webhooks that does as it is told.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test cannot continue without its servers and reports the cause by panicking"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// The treatment of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Responds with this status and body.
    Status(u16, &'static str),
    /// Redirects to this path of the same receiver.
    Redirect(&'static str),
    /// Closes the connection without a response.
    Close,
    /// Never responds.
    Hang,
}

/// The response of a receiver that takes a message.
pub const TAKEN: Reply = Reply::Status(200, "taken");

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedWebhook {
    /// The path of the URL.
    pub path: String,
    /// The header `webhook-id`, or an empty text.
    pub id: String,
    /// The header `webhook-timestamp`, or an empty text.
    pub timestamp: String,
    /// The header `webhook-signature`, or an empty text.
    pub signature: String,
    /// The body.
    pub body: String,
    /// The treatment.
    pub reply: Reply,
}

type Script = Arc<dyn Fn(&str, usize) -> Reply + Send + Sync>;

#[derive(Debug, Default)]
struct Log {
    received: Vec<ReceivedWebhook>,
    /// The number of requests by path.
    requests: HashMap<String, usize>,
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct WebhookReceiver {
    /// The address at which it listens.
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
    _accepting: AbortOnDropHandle<()>,
}

impl WebhookReceiver {
    /// Starts a receiver that asks `script` with the path and the number of earlier requests to it.
    pub async fn start(script: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::<Mutex<Log>>::default();
        let (script, seen): (Script, _) = (Arc::new(script), log.clone());
        let accepting = tokio::spawn(async move {
            let mut requests = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while requests.try_join_next().is_some() {}
                let (script, seen) = (script.clone(), seen.clone());
                // An error ends the connection, as a failure of the network would.
                requests.spawn(async move { drop(serve(stream, &script, &seen).await) });
            }
        });
        Self { address, log, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the requests to a path.
    pub fn received(&self, path: &str) -> Vec<ReceivedWebhook> {
        self.log.lock().unwrap().received.iter().filter(|received| received.path == path).cloned().collect()
    }

    /// Returns all requests since the last call, and forgets them.
    pub fn take_received(&self) -> Vec<ReceivedWebhook> {
        std::mem::take(&mut self.log.lock().unwrap().received)
    }
}

/// Serves the one request of a connection.
async fn serve(stream: TcpStream, script: &Script, log: &Mutex<Log>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
    let header = |name: &str| {
        let value = lines.iter().filter_map(|line| line.split_once(':')).find(|(other, _)| other.eq_ignore_ascii_case(name));
        value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or_default()];
    stream.read_exact(&mut body).await?;
    let reply = {
        let mut log = log.lock().unwrap();
        let requests = log.requests.entry(path.clone()).or_default();
        *requests += 1;
        let reply = script(&path, *requests - 1);
        log.received.push(ReceivedWebhook {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            body: String::from_utf8_lossy(&body).into_owned(),
            path,
            reply,
        });
        reply
    };
    let (status, location, body) = match reply {
        Reply::Status(status, body) => (status, String::new(), body),
        Reply::Redirect(path) => (302, format!("location: {path}\r\n"), ""),
        Reply::Close => return Ok(()),
        Reply::Hang => return std::future::pending().await,
    };
    // A response with status 204 has neither a body nor a length.
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    stream.write_all(format!("HTTP/1.1 {status} x\r\nconnection: close\r\n{location}{length}\r\n{body}").as_bytes()).await
}
