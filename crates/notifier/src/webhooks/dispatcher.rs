//! The dispatcher: claims due deliveries to webhooks, sends them and stores what became of each.
//!
//! Each webhook has a limit of its own, and there is no limit for all of them together. A slow receiver therefore delays only its own
//! messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;
use rowlock_sealing::SealingKeys;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::client::{Attempt, Client, OutgoingRequest};
use super::metrics::WebhookMetrics;
use super::model::{ClaimedRequest, PauseRule, Sent};
use super::secret::{Secret, signatures};
use super::settings::WebhookSettings;
use crate::store::Store;

/// Delay before an outcome is stored again that the database could not store.
const SETTLE_RETRY_DELAY: Duration = Duration::from_millis(250);

/// Maximum number of outcomes that are stored at the same time, so that mails and requests of administrators get connections too.
pub(crate) const MAX_SETTLING: usize = 2;

/// Sends deliveries to webhooks. Clones share everything.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    pub(crate) store: Store,
    pub(crate) client: Arc<Client>,
    pub(crate) sealing: SealingKeys,
    pub(crate) settings: WebhookSettings,
    /// Interval at which due deliveries are looked for.
    pub(crate) poll_interval: Duration,
    pub(crate) clock: Clock,
    pub(crate) metrics: WebhookMetrics,
    /// Permits to store outcomes.
    pub(crate) settling: Arc<Semaphore>,
    /// Tells that deliveries became due.
    pub(crate) wake: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

impl Dispatcher {
    /// Sends until `stop` is cancelled. The requests in flight are finished.
    pub(crate) async fn run(self) {
        let mut in_flight = JoinSet::new();
        while !self.stop.is_cancelled() {
            match self.store.claim_requests(self.settings.concurrency).await {
                Ok(claimed) => {
                    for request in claimed {
                        in_flight.spawn(self.clone().deliver(request));
                    }
                }
                Err(error) => tracing::warn!(%error, "no deliveries to webhooks can be claimed; trying again"),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.wake.notified() => {}
                Some(ended) = in_flight.join_next() => log_panic(ended),
                () = tokio::time::sleep(self.poll_interval) => {}
            }
            while let Some(ended) = in_flight.try_join_next() {
                log_panic(ended);
            }
        }
        while let Some(ended) = in_flight.join_next().await {
            log_panic(ended);
        }
    }

    /// Sends one delivery and stores the outcome.
    async fn deliver(self, request: ClaimedRequest) {
        let rule = PauseRule {
            delay: self.settings.delay_after(request.attempts),
            pause: self.settings.pause_after(request.failures.saturating_add(1)),
            give_up_after: self.settings.give_up_after,
            failing_for: self.settings.failing_for(),
        };
        let attempt = self.attempt(&request).await;
        let ClaimedRequest { webhook, message, claimed_at, url, .. } = request;
        let sent = Sent { webhook, message, claimed_at, url, attempt, rule };
        self.metrics.count(&sent);
        if let Some(reason) = sent.error() {
            tracing::debug!(%webhook, %message, %reason, "a delivery to a webhook failed");
        }
        self.settle(sent).await;
    }

    async fn attempt(&self, request: &ClaimedRequest) -> Attempt {
        let secrets: Result<Vec<_>, _> = request.secrets.iter().map(|sealed| Secret::open(&self.sealing, sealed)).collect();
        let secrets = match secrets {
            Ok(secrets) => secrets,
            Err(error) => {
                let reason = format!("the secret cannot be opened: {error}; rotate the secret");
                return Attempt { took: Duration::ZERO, result: Err(reason) };
            }
        };
        let (id, timestamp) = (request.message.to_string(), self.clock.now().timestamp());
        let signatures = signatures(&secrets, &id, timestamp, &request.body);
        self.client.send(&OutgoingRequest { url: &request.url, id, timestamp, signatures, body: &request.body }).await
    }

    /// Stores an outcome, again and again until the database has it or the claim expires. After that the delivery is sent again.
    async fn settle(&self, sent: Sent) {
        let since = Instant::now();
        // The semaphore is never closed.
        let _permit = self.settling.acquire().await;
        loop {
            let (webhook, message) = (sent.webhook, sent.message);
            let error = match self.store.settle_request(&sent).await {
                Ok(None) => return,
                Ok(Some(reason)) => {
                    tracing::warn!(%webhook, reason = reason.as_str(), "a webhook was switched off; its creator gets a mail");
                    return;
                }
                Err(error) => error,
            };
            if matches!(error, DatabaseError::Refused(_)) || since.elapsed() > self.settings.lease() {
                tracing::error!(%error, %webhook, %message, "the outcome of a delivery to a webhook cannot be stored; it is sent again");
                return;
            }
            tracing::warn!(%error, %webhook, %message, "the outcome of a delivery to a webhook cannot be stored yet; trying again");
            tokio::time::sleep(SETTLE_RETRY_DELAY).await;
        }
    }
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a delivery to a webhook panicked; it is sent again");
    }
}
