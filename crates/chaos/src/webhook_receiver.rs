//! A receiver of webhooks that fails on schedule, and the list of the messages that it has taken.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rowlock_test_support::proxy::Proxy;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::Fallible;
use crate::failing_peer::{FailureSchedule, lock};
use crate::http::{ApiClient, ApiRequest};

/// The types of messages that the receiver gets.
pub const TYPES: [&str; 2] = ["waitlist.promoted", "booking.cancelled"];

/// Maximum size of a request.
const MAX_REQUEST: usize = 64 * 1024;

/// The treatment of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Takes the message.
    Take,
    /// Answers with an error.
    Fail,
    /// Closes the connection without an answer.
    Close,
    /// Never answers.
    Hang,
}

static FAILURES: [Treatment; 3] = [Treatment::Fail, Treatment::Close, Treatment::Hang];

/// A receiver behind a proxy.
#[derive(Debug)]
pub struct WebhookReceiver {
    /// The connections of the notifiers.
    pub connections: Proxy,
    schedule: Arc<FailureSchedule<Treatment>>,
    taken: Arc<Mutex<BTreeSet<Uuid>>>,
    _accepting: AbortOnDropHandle<()>,
}

impl WebhookReceiver {
    /// Starts a receiver whose failures are drawn from this seed.
    pub async fn start(seed: u64) -> Fallible<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let connections = Proxy::start(listener.local_addr()?.to_string()).await;
        let schedule = Arc::new(FailureSchedule::new(Treatment::Take, &FAILURES, seed));
        let taken = Arc::<Mutex<BTreeSet<Uuid>>>::default();
        let (script, sink) = (schedule.clone(), taken.clone());
        let accepting = tokio::spawn(async move {
            let mut requests = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while requests.try_join_next().is_some() {}
                let (script, sink) = (script.clone(), sink.clone());
                // An error ends the connection, as a failure of the network would.
                requests.spawn(async move { drop(serve(stream, &script, &sink).await) });
            }
        });
        Ok(Self { connections, schedule, taken, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// Creates a webhook that leads to this receiver.
    pub async fn register(&self, notifier: &ApiClient, token: &str) -> Fallible<()> {
        let body = json!({"url": format!("http://{}/", self.connections.address()), "types": TYPES});
        match notifier.send(&ApiRequest::post("/admin/webhooks", &body).with_token(token)).await {
            Ok(response) if response.status == 201 => Ok(()),
            result => Err(format!("creating a webhook failed: {result:?}").into()),
        }
    }

    /// Stops failing.
    pub fn recover(&self) {
        self.schedule.recover();
        self.connections.pass();
    }

    /// Returns the ids of the messages that the receiver has confirmed.
    pub fn taken(&self) -> BTreeSet<Uuid> {
        std::mem::take(&mut *lock(&self.taken))
    }
}

/// Serves the one request of a connection.
async fn serve(mut stream: TcpStream, schedule: &FailureSchedule<Treatment>, taken: &Mutex<BTreeSet<Uuid>>) -> Fallible<()> {
    let mut received = Vec::new();
    let message = loop {
        if stream.read_buf(&mut received).await? == 0 || received.len() > MAX_REQUEST {
            return Err("the request is incomplete or too large".into());
        }
        if let Some(message) = complete_request(&received)? {
            break message;
        }
    };
    let status = match schedule.now() {
        Treatment::Take => {
            lock(taken).insert(message);
            "204 No Content"
        }
        Treatment::Fail => "500 Internal Server Error",
        Treatment::Close => return Ok(()),
        Treatment::Hang => return std::future::pending().await,
    };
    let response = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    Ok(stream.write_all(response.as_bytes()).await?)
}

/// Returns the `webhook-id` of a request, or `None` if the request is not complete yet.
fn complete_request(received: &[u8]) -> Fallible<Option<Uuid>> {
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(received.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let length: usize = header("content-length").ok_or("the request has no content-length")?.parse()?;
    let message = header("webhook-id").ok_or("the request has no webhook-id")?.parse()?;
    Ok((received.len() >= end + 4 + length).then_some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_complete_request_is_read() {
        let message = Uuid::from_u128(7);
        let request = format!("POST / HTTP/1.1\r\nhost: x\r\nwebhook-id: {message}\r\nContent-Length: 2\r\n\r\n{{}}");

        assert_eq!(complete_request(request.as_bytes()).unwrap(), Some(message));
        assert_eq!(complete_request(&request.as_bytes()[..request.len() - 1]).unwrap(), None);
        assert_eq!(complete_request(b"POST / HTTP/1.1\r\n").unwrap(), None);
        assert!(complete_request(b"POST / HTTP/1.1\r\n\r\n").is_err());
    }
}
