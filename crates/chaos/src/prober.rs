//! Probes continuously whether the system serves requests: a booking and a login through the gateway, each with a short
//! timeout. Probes overlap, so that one request stuck in a frozen process does not hide that others succeed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use crate::accounts::PASSWORD;
use crate::events::Sale;
use crate::http::ApiRequest;
use crate::request_log::{EntryPoint, Operation};
use crate::sender::{RequestSender, TestAccount};

const PROBE_INTERVAL: Duration = Duration::from_millis(100);
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Kind of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeKind {
    /// Booking one ticket.
    Book,
    /// Logging in.
    LogIn,
}

/// Successful probes with the times at which they were sent.
type Successes = Arc<Mutex<Vec<(ProbeKind, Instant)>>>;

/// Sends probes until it is dropped.
#[derive(Debug)]
pub struct Prober {
    successes: Successes,
    _task: AbortOnDropHandle<()>,
}

impl Prober {
    /// Starts probing.
    pub fn start(sender: RequestSender, account: TestAccount, sale: Sale) -> Self {
        let successes = Successes::default();
        let probing = send_probes(sender, account, sale, Arc::clone(&successes));
        Self { successes, _task: AbortOnDropHandle::new(tokio::spawn(probing)) }
    }

    /// Returns whether a booking and a login that were sent after an instant have succeeded.
    pub fn succeeded_after(&self, instant: Instant) -> bool {
        let successes = lock(&self.successes);
        [ProbeKind::Book, ProbeKind::LogIn].iter().all(|kind| successes.iter().any(|(other, sent)| other == kind && *sent >= instant))
    }

    /// Forgets all successful probes so far.
    pub fn reset(&self) {
        lock(&self.successes).clear();
    }
}

fn lock(successes: &Successes) -> MutexGuard<'_, Vec<(ProbeKind, Instant)>> {
    successes.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send_probes(sender: RequestSender, account: TestAccount, sale: Sale, successes: Successes) {
    let mut tick = tokio::time::interval(PROBE_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while !sender.stop_signal.stopping.is_cancelled() {
        tick.tick().await;
        tokio::spawn(probe_booking(sender.clone(), account.clone(), sale, Arc::clone(&successes)));
        tokio::spawn(probe_login(sender.clone(), account.email.clone(), Arc::clone(&successes)));
    }
}

async fn probe_booking(sender: RequestSender, account: TestAccount, sale: Sale, successes: Successes) {
    let operation =
        Operation::Book { event: sale.event, ticket_type: sale.ticket_type, also: None, quantity: 1, min_quantity: 1, join: true };
    let attempt = sender.probe(&sender.gateway, EntryPoint::Gateway, &account, operation, PROBE_TIMEOUT).await;
    if attempt.result.is_ok_and(|response| response.is_success()) {
        lock(&successes).push((ProbeKind::Book, attempt.sent));
    }
}

async fn probe_login(sender: RequestSender, email: String, successes: Successes) {
    let sent = Instant::now();
    let body = json!({"email": email, "password": PASSWORD});
    let request = ApiRequest { timeout: PROBE_TIMEOUT, ..ApiRequest::post("/api/loginaccount", &body) };
    if sender.gateway.send(&request).await.is_ok_and(|response| response.is_success()) {
        lock(&successes).push((ProbeKind::LogIn, sent));
    }
}
