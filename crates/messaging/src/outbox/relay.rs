//! The outbox relay: waits for the lock, publishes rows, and deletes the confirmed ones.

use std::sync::Arc;
use std::time::Duration;

use rowlock_domain::messages::{split_batch, trace_of_message};
use rowlock_postgres::DatabaseError;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::COLLECT_TIME;
use super::lease::Lease;
use super::metrics::{LeaderGuard, RelayMetrics};
use super::retries::{RetryDecision, RetryTracker};
use super::rows::{NewFailedRow, OutboxRow};
use super::settings::RelaySettings;
use super::wake::WakeRequests;
use super::watcher;
use super::watermark::LowWatermark;
use crate::amqp::{Backoff, LinkError, Publisher, Settlement};
use rowlock_platform::telemetry::Traces;
use rowlock_platform::telemetry::traces::SpanKind;

/// The reason why the relay restarts, which it does on its own.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The database is unavailable, or the lock was lost.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The broker link could not be opened or has ended.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Publishes the rows of an outbox to the broker.
#[derive(Debug)]
pub struct Relay {
    settings: RelaySettings,
    metrics: RelayMetrics,
    traces: Traces,
}

impl Relay {
    /// Creates a relay, which does nothing until it is [`run`](Self::run).
    pub fn new(settings: RelaySettings, metrics: RelayMetrics, traces: Traces) -> Self {
        Self { settings, metrics, traces }
    }

    /// Runs the relay until `stop` is cancelled, then finishes the batch in flight and releases the lock. After an error it
    /// restarts with a backoff.
    pub async fn run(self, stop: CancellationToken) {
        let wake = Arc::<WakeRequests>::default();
        let watcher = watcher::watch(self.settings.clone(), self.metrics.clone(), Arc::clone(&wake));
        let _watcher = AbortOnDropHandle::new(tokio::spawn(watcher));
        let mut state = RelayState {
            retries: RetryTracker::new(self.settings.retry_delay, self.settings.max_attempts),
            backoff: Backoff::new(Duration::from_millis(100), self.settings.max_backoff),
            publisher: None,
            settings: self.settings,
            metrics: self.metrics,
            traces: self.traces,
            wake,
            routine_from: Instant::now(),
            stop,
        };
        while let Err(error) = state.run_term().await {
            state.metrics.restarts.inc();
            tracing::warn!(%error, "the outbox relay failed and restarts; messages stay in the outbox until it works again");
            if matches!(error, RelayError::Link(_)) {
                state.publisher = None;
            }
            tokio::select! {
                () = state.stop.cancelled() => break,
                () = state.backoff.wait() => {}
            }
        }
        if let Some(publisher) = state.publisher {
            publisher.close().await;
        }
    }
}

/// The state of a relay that survives an error.
struct RelayState {
    settings: RelaySettings,
    metrics: RelayMetrics,
    traces: Traces,
    retries: RetryTracker,
    backoff: Backoff,
    publisher: Option<Publisher>,
    wake: Arc<WakeRequests>,
    /// Time from which routine messages may be published again.
    routine_from: Instant,
    stop: CancellationToken,
}

impl RelayState {
    /// Connects, waits for the lock and publishes rows until `stop` is cancelled or an error occurs.
    async fn run_term(&mut self) -> Result<(), RelayError> {
        // The broker comes first: a relay that held the lock without a broker connection would only block the others.
        if let Some(publisher) = &mut self.publisher {
            publisher.check()?;
        } else {
            let connected = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                connected = Publisher::connect(&self.settings.amqp) => connected?,
            };
            self.publisher = Some(connected.recording(&self.metrics.link));
        }
        let mut lease = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            lease = Lease::connect(&self.settings) => lease?,
        };
        // At least as often as a heartbeat is due, or the server would end the idle session.
        let pause = self.settings.standby_interval.min(self.settings.heartbeat());
        while !lease.try_acquire().await? {
            self.backoff.reset();
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = sleep(pause) => {}
            }
            self.publisher()?.check()?;
        }
        tracing::info!("this outbox relay acquired the lock and is now active");
        let _leader = LeaderGuard::new(&self.metrics);
        let result = self.relay_until_stopped(&mut lease).await;
        if !matches!(result, Err(RelayError::Database(_))) {
            lease.release().await;
        }
        tracing::info!("this outbox relay is no longer active");
        result
    }

    fn publisher(&mut self) -> Result<&mut Publisher, LinkError> {
        self.publisher.as_mut().ok_or(LinkError::Lost)
    }

    /// Publishes rows while this relay holds the lock.
    async fn relay_until_stopped(&mut self, lease: &mut Lease) -> Result<(), RelayError> {
        let mut watermark = LowWatermark::new();
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            let limit = self.retries.read_limit(self.settings.batch_size.max(1), now);
            let mut more = false;
            if limit > 0 {
                let not_due = self.retries.not_due(now);
                let first_excluded = not_due.first().copied();
                let (from, refresh) = watermark.next_read(now);
                // Taken before the read, so that the read sees the rows of all transactions that had ended by then.
                let snapshot = if refresh { Some(lease.snapshot().await?) } else { None };
                let rows = lease.read(limit, from, not_due).await?;
                let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
                more = usize::try_from(limit).is_ok_and(|limit| rows.len() >= limit);
                match snapshot {
                    Some(snapshot) => watermark.refresh(snapshot, from, &ids, first_excluded, now),
                    None => watermark.record_read(&ids),
                }
                self.retries.forget_missing(from, &ids, !more, now);
                self.publisher()?.check()?;
                if !rows.is_empty() {
                    self.routine_from = now + COLLECT_TIME;
                    self.publish_rows(lease, rows).await?;
                }
                self.backoff.reset();
            }
            if !more {
                self.wait_for_rows(lease).await?;
            }
        }
        Ok(())
    }

    /// Waits for a notification, the next poll or the next retry, whichever comes first.
    async fn wait_for_rows(&mut self, lease: &mut Lease) -> Result<(), RelayError> {
        let poll = Instant::now() + self.settings.poll_interval;
        let until = self.retries.next_due().map_or(poll, |due| due.min(poll));
        let publisher = self.publisher.as_mut().ok_or(LinkError::Lost)?;
        let waited = lease.keep_alive_during(async {
            tokio::select! {
                () = self.stop.cancelled() => Ok(()),
                _ = self.wake.next(self.routine_from) => Ok(()),
                () = sleep_until(until) => Ok(()),
                error = publisher.ended() => Err(error),
            }
        });
        Ok(waited.await??)
    }

    /// Publishes rows, deletes those that were confirmed and moves those that were rejected too often to `outbox_failed`.
    async fn publish_rows(&mut self, lease: &mut Lease, rows: Vec<OutboxRow>) -> Result<(), RelayError> {
        let messages = rows.iter().map(OutboxRow::message).collect();
        // Taken out during the call, so that a cancelled batch drops the link, whose state is then unknown.
        let mut publisher = self.publisher.take().ok_or(LinkError::Lost)?;
        let settlements = lease.keep_alive_during(publisher.publish_batch(messages)).await??;
        self.publisher = Some(publisher);
        let now = Instant::now();
        let (mut confirmed, mut failed, mut unroutable) = (Vec::new(), Vec::new(), false);
        for (row, settlement) in rows.into_iter().zip(settlements) {
            let reason = match settlement {
                Settlement::Confirmed => {
                    self.trace(&row);
                    confirmed.push(row.id);
                    continue;
                }
                Settlement::Refused { reason } => reason,
                Settlement::Returned { reason } => {
                    unroutable = true;
                    reason
                }
            };
            self.metrics.refused.inc();
            tracing::warn!(id = row.id, message_id = %row.message_id, %reason, "RabbitMQ did not accept an outbox row; it will be published again");
            if let RetryDecision::GiveUp { attempts } = self.retries.record(row.id, now) {
                failed.push(failed_row(row, attempts, reason));
            }
        }
        if !confirmed.is_empty() {
            let count = u64::try_from(confirmed.len()).unwrap_or(u64::MAX);
            for id in &confirmed {
                self.retries.forget(*id);
            }
            lease.delete(confirmed).await?;
            self.metrics.published.inc_by(count);
        }
        if !failed.is_empty() {
            lease.move_to_failed(&failed).await?;
            for row in &failed {
                self.retries.forget(row.id);
                self.metrics.set_aside.inc();
                tracing::error!(id = row.id, message_id = %row.message_id, reason = %row.reason, "an outbox row was rejected too often and moved to outbox_failed; replay it with `failed-messages replay`");
            }
        }
        if unroutable {
            // The work queue has been deleted. Declaring it again lets the next attempt succeed.
            let mut publisher = self.publisher.take().ok_or(LinkError::Lost)?;
            lease.keep_alive_during(publisher.redeclare()).await??;
            self.publisher = Some(publisher);
        }
        Ok(())
    }
}

impl RelayState {
    /// Exports a span for each message of a row, from the time of the change until the broker's confirm.
    fn trace(&self, row: &OutboxRow) {
        if !self.traces.is_on() {
            return;
        }
        match split_batch(row.payload.as_bytes()) {
            Some(items) => items.iter().for_each(|item| self.trace_message(row, item.id.as_deref().unwrap_or_default(), item.body)),
            None => self.trace_message(row, &row.message_id.to_string(), &row.payload),
        }
    }

    fn trace_message(&self, row: &OutboxRow, id: &str, body: &str) {
        let Some(trace) = trace_of_message(body.as_bytes()) else { return };
        let name = format!("publish {}", row.routing_key);
        let mut span = self.traces.begin_at(SpanKind::Producer, name, Some(trace), row.occurred_at.into());
        span.set("messaging.system", "rabbitmq");
        span.set("messaging.operation.name", "publish");
        span.set("messaging.message.id", id.to_owned());
    }
}

fn failed_row(row: OutboxRow, attempts: u32, reason: String) -> NewFailedRow {
    NewFailedRow {
        id: row.id,
        event_id: row.event_id,
        message_id: row.message_id,
        routing_key: row.routing_key,
        payload: row.payload,
        occurred_at: row.occurred_at,
        attempts: i32::try_from(attempts).unwrap_or(i32::MAX),
        reason,
    }
}
