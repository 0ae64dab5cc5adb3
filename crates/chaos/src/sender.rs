//! Sends requests until they receive a final response, retrying failures with the same idempotency key.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::http::{ApiClient, ApiRequest, ApiResponse, REQUEST_TIMEOUT};
use crate::request_log::{Attempt, EntryPoint, LoggedRequest, Operation, RequestLog};

/// First delay before a retry. The delay doubles up to the maximum.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(30);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A logged-in account.
#[derive(Debug, Clone)]
pub struct TestAccount {
    /// Account id.
    pub id: Uuid,
    /// E-mail address.
    pub email: String,
    /// Access token, which is valid for the whole run.
    pub token: String,
}

/// Tells the clients when to stop.
#[derive(Debug, Clone)]
pub struct StopSignal {
    /// Cancelled when clients must not start new requests.
    pub stopping: CancellationToken,
    /// Time after which clients stop retrying requests without a final response.
    pub give_up_at: watch::Sender<Option<Instant>>,
}

impl Default for StopSignal {
    fn default() -> Self {
        Self { stopping: CancellationToken::new(), give_up_at: watch::Sender::new(None) }
    }
}

impl StopSignal {
    fn has_given_up(&self) -> bool {
        self.give_up_at.borrow().is_some_and(|at| at <= Instant::now())
    }

    /// Sleeps unless the clients are stopped first. Returns whether to continue.
    pub async fn sleep_unless_stopped(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.stopping.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// How often a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendPolicy {
    /// Retry until there is a final response.
    Once,
    /// Send the request twice concurrently, like a user who double-clicks.
    Concurrent,
    /// Repeat the request after it has succeeded.
    Repeat,
}

/// Sends the requests of the clients and logs them.
#[derive(Debug, Clone)]
pub struct RequestSender {
    /// Client of the gateway.
    pub gateway: ApiClient,
    /// Log of all requests.
    pub request_log: RequestLog,
    /// Stop signal of the clients.
    pub stop_signal: StopSignal,
}

impl RequestSender {
    /// Sends a request until it receives a final response or the clients give up, and logs it.
    pub async fn send_until_final(&self, account: &TestAccount, operation: Operation, policy: SendPolicy) -> Option<ApiResponse> {
        let key = if matches!(operation, Operation::SetCapacity { .. }) { String::new() } else { Uuid::new_v4().to_string() };
        let mut request = LoggedRequest { account: account.id, key, operation, attempts: Vec::new(), probe: false };
        let mut delay = MIN_RETRY_DELAY;
        let mut concurrent = policy == SendPolicy::Concurrent;
        loop {
            if concurrent {
                concurrent = false;
                let (first, second) = tokio::join!(self.send(account, &request), self.send(account, &request));
                let mut both = [first, second];
                both.sort_by_key(|attempt| attempt.ended);
                // A final response is decisive only when no attempt is in flight, which is the case here. An attempt without
                // a response may have taken effect, so the request is retried.
                let decided = both.iter().all(|attempt| attempt.result.as_ref().is_ok_and(ApiResponse::is_final));
                request.attempts.extend(both);
                if decided || request.success().is_some() {
                    break;
                }
            } else {
                let attempt = self.send(account, &request).await;
                let decided = attempt.result.as_ref().is_ok_and(ApiResponse::is_final);
                request.attempts.push(attempt);
                if decided {
                    break;
                }
            }
            if self.stop_signal.has_given_up() {
                break;
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(MAX_RETRY_DELAY);
        }
        if policy == SendPolicy::Repeat && request.success().is_some() {
            let attempt = self.send(account, &request).await;
            request.attempts.push(attempt);
        }
        let response = request.success().or_else(|| request.final_response()).cloned();
        self.request_log.append(request);
        response
    }

    async fn send(&self, account: &TestAccount, request: &LoggedRequest) -> Attempt {
        let (method, path, body) = request.operation.request();
        let key = (!request.key.is_empty()).then_some(request.key.as_str());
        let request = ApiRequest {
            method,
            path: &path,
            token: Some(&account.token),
            key,
            bootstrap: None,
            body: Some(body.to_string()),
            timeout: REQUEST_TIMEOUT,
        };
        send(&self.gateway, &request, EntryPoint::Gateway).await
    }

    /// Sends a request once, with its own timeout, and logs it as a probe.
    pub async fn probe(
        &self,
        api: &ApiClient,
        entry_point: EntryPoint,
        account: &TestAccount,
        operation: Operation,
        timeout: Duration,
    ) -> Attempt {
        let key = Uuid::new_v4().to_string();
        let (method, path, body) = operation.request();
        let request = ApiRequest {
            method,
            path: &path,
            token: Some(&account.token),
            key: Some(&key),
            bootstrap: None,
            body: Some(body.to_string()),
            timeout,
        };
        let attempt = send(api, &request, entry_point).await;
        self.request_log.append(LoggedRequest { account: account.id, key, operation, attempts: vec![attempt.clone()], probe: true });
        attempt
    }
}

async fn send(api: &ApiClient, request: &ApiRequest<'_>, entry_point: EntryPoint) -> Attempt {
    let sent = Instant::now();
    let result = api.send(request).await;
    Attempt { sent, ended: Instant::now(), entry_point, result }
}
