//! The sender: claims due deliveries, sends them and stores what became of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use rowlock_messaging::amqp::Backoff;
use rowlock_postgres::DatabaseError;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::delivery::{ClaimedDelivery, DeliveryKey, Kind, OutOfOrder, Outcome, RetryPlan, Settlement};
use crate::metrics::DeliveryMetrics;
use crate::prepare::{LookedUp, Prepared, Preparer};
use crate::rate::Rate;
use crate::settings::WorkSettings;
use crate::store::Store;
use crate::transport::Transport;

/// Delay before the outcomes are stored again that the database could not store.
const SETTLE_RETRY_DELAY: Duration = Duration::from_millis(250);

/// Minimum and maximum delay before the next batch while the SMTP server or another service cannot be reached.
const UNREACHABLE_DELAYS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Sends deliveries. Clones share the limits and the connections, and work on different batches at the same time.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) store: Store,
    pub(crate) preparer: Arc<Preparer>,
    pub(crate) transport: Arc<Transport>,
    pub(crate) rate: Arc<Mutex<Rate>>,
    pub(crate) work: WorkSettings,
    pub(crate) retries: RetryPlan,
    /// Maximum number of mails that are sent at the same time.
    pub(crate) concurrency: usize,
    pub(crate) metrics: DeliveryMetrics,
    /// Tells that new deliveries were stored.
    pub(crate) wake: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

/// The state of the batch that is being sent.
struct Batch<'a> {
    looked_up: &'a LookedUp,
    /// The deliveries that must not be sent now, or the reason why they are not known.
    out_of_order: &'a Result<HashMap<DeliveryKey, OutOfOrder>, String>,
    claimed_since: Instant,
    /// Whether the server could not be reached for one of the mails.
    unreachable: AtomicBool,
    /// Number of deliveries that are left to the next batch.
    released: AtomicUsize,
}

impl Sender {
    /// Sends until `stop` is cancelled. The mails in flight are finished.
    pub(crate) async fn run(self) {
        let (min, max) = UNREACHABLE_DELAYS;
        let mut backoff = Backoff::new(min, max);
        while let Some((claimed, claimed_since)) = self.next_batch().await {
            if self.send(claimed, claimed_since).await {
                backoff.reset();
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = backoff.wait() => {}
            }
        }
    }

    /// Waits for due deliveries and claims them. Returns `None` if `stop` is cancelled first. A claim is never cancelled, because the
    /// deliveries would become unclear although they were not sent.
    async fn next_batch(&self) -> Option<(Vec<ClaimedDelivery>, Instant)> {
        loop {
            let mut rate = self.rate.lock().await;
            let limit = tokio::select! {
                () = self.stop.cancelled() => return None,
                limit = rate.permits(self.work.batch.into()) => limit,
            };
            let claimed_since = Instant::now();
            match self.store.claim(limit).await {
                Ok(claimed) if !claimed.is_empty() => {
                    rate.used(claimed.len(), Instant::now());
                    if claimed.len() == limit {
                        // There may be more, which a clone can send at the same time.
                        self.wake.notify_one();
                    }
                    return Some((claimed, claimed_since));
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "no deliveries can be claimed; trying again"),
            }
            drop(rate);
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(self.work.poll_interval) => {}
            }
        }
    }

    /// Sends claimed deliveries and stores the outcomes. Returns false if the SMTP server or another service could not be reached.
    async fn send(&self, mut claimed: Vec<ClaimedDelivery>, claimed_since: Instant) -> bool {
        // Mails for which no tickets have to be printed leave first.
        claimed.sort_by_key(|delivery| Kind::of_name(&delivery.kind).is_some_and(Kind::brings_tickets));
        let (looked_up, out_of_order) = tokio::join!(self.preparer.look_up(&claimed), self.store.out_of_order(&claimed));
        let out_of_order = out_of_order.map_err(|error| error.to_string());
        let batch = Batch {
            looked_up: &looked_up,
            out_of_order: &out_of_order,
            claimed_since,
            unreachable: AtomicBool::new(false),
            released: AtomicUsize::new(0),
        };
        let settlements: Vec<Settlement> = stream::iter(claimed)
            .map(|delivery| {
                let batch = &batch;
                async move {
                    let outcome = self.attempt(&delivery, batch).await;
                    self.record(&delivery, &outcome);
                    if outcome == Outcome::Released {
                        batch.released.fetch_add(1, Ordering::Relaxed);
                    }
                    delivery.settle(outcome, &self.retries)
                }
            })
            .buffer_unordered(self.concurrency)
            .collect()
            .await;
        self.settle(&settlements, claimed_since).await;
        let released = batch.released.load(Ordering::Relaxed);
        if released > 0 {
            self.rate.lock().await.unused(released);
        }
        !batch.unreachable.load(Ordering::Relaxed) && looked_up.is_complete()
    }

    /// Makes one attempt to send a delivery.
    async fn attempt(&self, delivery: &ClaimedDelivery, batch: &Batch<'_>) -> Outcome {
        if self.stop.is_cancelled() {
            return Outcome::Postponed("the notifier was stopped".to_owned());
        }
        // The mail must have been sent, and its outcome stored, when the claim expires.
        if batch.claimed_since.elapsed() > self.work.lease / 2 {
            return Outcome::Postponed("the deliveries that were claimed before took too long".to_owned());
        }
        match batch.out_of_order {
            Ok(out_of_order) => {
                if let Some(reason) = out_of_order.get(&delivery.key) {
                    return Outcome::from(*reason);
                }
            }
            Err(reason) => return Outcome::Postponed(reason.clone()),
        }
        let mail = match self.preparer.prepare(delivery, batch.looked_up).await {
            Prepared::Mail(mail) => mail,
            Prepared::Nothing(outcome) => return outcome,
        };
        if batch.unreachable.load(Ordering::Relaxed) {
            return Outcome::Retry("the SMTP server could not be reached".to_owned());
        }
        let attempt = self.transport.send(&mail).await;
        if attempt.unreachable
            && !batch.unreachable.swap(true, Ordering::Relaxed)
            && let Outcome::Retry(reason) = &attempt.outcome
        {
            tracing::warn!(%reason, "no mail can be sent; the deliveries are tried again");
        }
        attempt.outcome
    }

    /// Counts an outcome and logs those that operators have to look at. The reason can contain an address, so it is only stored.
    fn record(&self, delivery: &ClaimedDelivery, outcome: &Outcome) {
        self.metrics.count(outcome);
        let key = delivery.key;
        match outcome {
            Outcome::Failed(_) => tracing::warn!(message = %key.message, "a delivery failed; see `notifier deliveries list`"),
            Outcome::Unclear(_) => {
                tracing::warn!(message = %key.message, "it is unknown whether a mail was sent; see `notifier deliveries list`");
            }
            Outcome::Postponed(reason) => tracing::debug!(message = %key.message, %reason, "a delivery was postponed"),
            Outcome::Sent | Outcome::Retry(_) | Outcome::Skipped(_) | Outcome::Released => {}
        }
    }

    /// Stores the outcomes, again and again until the database has them or the claims expire. Without them, all mails would count as
    /// unclear.
    async fn settle(&self, settlements: &[Settlement], claimed_since: Instant) {
        while let Err(error) = self.store.settle(settlements).await {
            if matches!(error, DatabaseError::Refused(_)) || claimed_since.elapsed() > self.work.lease {
                tracing::error!(%error, deliveries = settlements.len(), "the outcomes of deliveries cannot be stored; they become unclear");
                return;
            }
            tracing::warn!(%error, deliveries = settlements.len(), "the outcomes of deliveries cannot be stored yet; trying again");
            tokio::time::sleep(SETTLE_RETRY_DELAY).await;
        }
    }
}
