//! A receiver of webhooks that fails on schedule, and the list of the messages that it has taken.

use std::collections::BTreeSet;
use std::sync::Arc;

use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::webhook_receiver::{Reply, TAKEN, WebhookReceiver as ScriptedReceiver};
use serde_json::json;
use uuid::Uuid;

use crate::Fallible;
use crate::failing_peer::FailureSchedule;
use crate::http::{ApiClient, ApiRequest};

/// The types of messages that the receiver gets.
pub const TYPES: [&str; 2] = ["waitlist.promoted", "booking.cancelled"];

static FAILURES: [Reply; 3] = [Reply::Status(500, ""), Reply::Close, Reply::Hang];

/// A receiver behind a proxy.
#[derive(Debug)]
pub struct WebhookReceiver {
    /// The connections of the notifiers.
    pub connections: Proxy,
    receiver: ScriptedReceiver,
    schedule: Arc<FailureSchedule<Reply>>,
}

impl WebhookReceiver {
    /// Starts a receiver whose failures are drawn from this seed.
    pub async fn start(seed: u64) -> Self {
        let schedule = Arc::new(FailureSchedule::new(TAKEN, &FAILURES, seed));
        let script = schedule.clone();
        let receiver = ScriptedReceiver::start(move |_, _| script.now()).await;
        let connections = Proxy::start(receiver.address.to_string()).await;
        Self { connections, receiver, schedule }
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
        let taken = self.receiver.take_received().into_iter().filter(|received| received.reply == TAKEN);
        taken.filter_map(|received| received.id.parse().ok()).collect()
    }
}
