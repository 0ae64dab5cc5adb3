//! The relay itself: stand by, lead, publish, delete.

use std::sync::Arc;
use std::time::Duration;

use rowlock_domain::messages::trace_of_message;
use rowlock_postgres::DatabaseError;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::floor::Floor;
use super::lease::Lease;
use super::metrics::{LeaderGuard, RelayMetrics};
use super::refusals::{Refusals, Verdict};
use super::rows::{NewFailedRow, OutboxRow};
use super::settings::RelaySettings;
use super::watcher;
use crate::amqp::{Backoff, LinkError, Publisher, Settlement};
use rowlock_platform::telemetry::Traces;
use rowlock_platform::telemetry::traces::SpanKind;

/// Why the relay has to begin anew. It does so by itself.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The database is away, or the lead was lost.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The broker is away.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Publishes the rows of an outbox.
#[derive(Debug)]
pub struct Relay {
    settings: RelaySettings,
    metrics: RelayMetrics,
    traces: Traces,
}

impl Relay {
    /// A relay that does nothing yet.
    pub fn new(settings: RelaySettings, metrics: RelayMetrics, traces: Traces) -> Self {
        Self { settings, metrics, traces }
    }

    /// Relays until told to stop; then it finishes the batch in flight and gives the lead up. Without a database or
    /// a broker it keeps trying.
    pub async fn run(self, stop: CancellationToken) {
        let wake = Arc::new(Notify::new());
        let watcher = watcher::watch(self.settings.clone(), self.metrics.clone(), Arc::clone(&wake));
        let _watcher = AbortOnDropHandle::new(tokio::spawn(watcher));
        let mut turn = Turn {
            refusals: Refusals::new(self.settings.refusal_delay, self.settings.max_attempts),
            backoff: Backoff::new(Duration::from_millis(100), self.settings.longest_backoff),
            publisher: None,
            settings: self.settings,
            metrics: self.metrics,
            traces: self.traces,
            wake,
            stop,
        };
        while let Err(error) = turn.take().await {
            turn.metrics.restarts.inc();
            tracing::warn!(%error, "the outbox relay begins anew");
            if matches!(error, RelayError::Link(_)) {
                turn.publisher = None;
            }
            tokio::select! {
                () = turn.stop.cancelled() => break,
                () = turn.backoff.wait() => {}
            }
        }
        if let Some(publisher) = turn.publisher {
            publisher.close().await;
        }
    }
}

/// The state that outlives an error.
struct Turn {
    settings: RelaySettings,
    metrics: RelayMetrics,
    traces: Traces,
    refusals: Refusals,
    backoff: Backoff,
    publisher: Option<Publisher>,
    wake: Arc<Notify>,
    stop: CancellationToken,
}

impl Turn {
    /// Stands by and leads until told to stop.
    async fn take(&mut self) -> Result<(), RelayError> {
        // The broker first: who leads without one only keeps others from it.
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
        // At least as often as the session would be missed otherwise.
        let pause = self.settings.standby_interval.min(self.settings.heartbeat());
        while !lease.try_acquire().await? {
            self.backoff.reset();
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = sleep(pause) => {}
            }
            self.publisher()?.check()?;
        }
        tracing::info!("this relay leads");
        let _leader = LeaderGuard::new(&self.metrics);
        let ended = self.lead(&mut lease).await;
        if !matches!(ended, Err(RelayError::Database(_))) {
            lease.release().await;
        }
        tracing::info!("this relay no longer leads");
        ended
    }

    fn publisher(&mut self) -> Result<&mut Publisher, LinkError> {
        self.publisher.as_mut().ok_or(LinkError::Lost)
    }

    async fn lead(&mut self, lease: &mut Lease) -> Result<(), RelayError> {
        let mut floor = Floor::new();
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            let room = self.refusals.room(self.settings.batch_size.max(1), now);
            let mut more = false;
            if room > 0 {
                let waiting = self.refusals.waiting(now);
                let ((from, look), left_out) = (floor.read_from(now), waiting.first().copied());
                // Before the rows, so that what had ended by then is among them.
                let snapshot = if look { Some(lease.snapshot().await?) } else { None };
                let rows = lease.read(room, from, waiting).await?;
                let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
                more = usize::try_from(room).is_ok_and(|room| rows.len() >= room);
                match snapshot {
                    Some(snapshot) => floor.look(snapshot, from, &ids, left_out, now),
                    None => floor.learn(&ids),
                }
                self.refusals.keep_found(from, &ids, !more, now);
                self.publisher()?.check()?;
                if !rows.is_empty() {
                    self.relay(lease, rows).await?;
                }
                self.backoff.reset();
            }
            if !more {
                self.rest(lease).await?;
            }
        }
        Ok(())
    }

    /// Waits for something to do.
    async fn rest(&mut self, lease: &mut Lease) -> Result<(), RelayError> {
        let poll = Instant::now() + self.settings.poll_interval;
        let until = self.refusals.next_due().map_or(poll, |due| due.min(poll));
        let publisher = self.publisher.as_mut().ok_or(LinkError::Lost)?;
        let waited = lease.during(async {
            tokio::select! {
                () = self.stop.cancelled() => Ok(()),
                () = self.wake.notified() => Ok(()),
                () = sleep_until(until) => Ok(()),
                error = publisher.ended() => Err(error),
            }
        });
        Ok(waited.await??)
    }

    /// Publishes rows and settles each in the database.
    async fn relay(&mut self, lease: &mut Lease, rows: Vec<OutboxRow>) -> Result<(), RelayError> {
        let messages = rows.iter().map(OutboxRow::message).collect();
        // Taken out for the call: with a batch that is given up half-way goes the link, too.
        let mut publisher = self.publisher.take().ok_or(LinkError::Lost)?;
        let settlements = lease.during(publisher.publish_batch(messages)).await??;
        self.publisher = Some(publisher);
        let now = Instant::now();
        let (mut confirmed, mut set_aside, mut unroutable) = (Vec::new(), Vec::new(), false);
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
            tracing::warn!(id = row.id, message_id = %row.message_id, %reason, "the broker does not take an outbox row");
            if let Verdict::SetAside { attempts } = self.refusals.record(row.id, now) {
                set_aside.push(failed(row, attempts, reason));
            }
        }
        if !confirmed.is_empty() {
            let count = u64::try_from(confirmed.len()).unwrap_or(u64::MAX);
            for id in &confirmed {
                self.refusals.forget(*id);
            }
            lease.delete(confirmed).await?;
            self.metrics.published.inc_by(count);
        }
        if !set_aside.is_empty() {
            lease.set_aside(&set_aside).await?;
            for row in &set_aside {
                self.refusals.forget(row.id);
                self.metrics.set_aside.inc();
                tracing::error!(id = row.id, message_id = %row.message_id, reason = %row.reason, "an outbox row is set aside");
            }
        }
        if unroutable {
            // The work queue is gone. Declared again, it takes the row at the next try.
            let mut publisher = self.publisher.take().ok_or(LinkError::Lost)?;
            lease.during(publisher.redeclare()).await??;
            self.publisher = Some(publisher);
        }
        Ok(())
    }
}

impl Turn {
    /// Tells how long a message was on its way to the broker.
    fn trace(&self, row: &OutboxRow) {
        if self.traces.is_on()
            && let Some(trace) = trace_of_message(row.payload.as_bytes())
        {
            let name = format!("publish {}", row.routing_key);
            let mut span = self.traces.begin_at(SpanKind::Producer, name, Some(trace), row.occurred_at.into());
            span.set("messaging.system", "rabbitmq");
            span.set("messaging.operation.name", "publish");
            span.set("messaging.message.id", row.message_id.to_string());
        }
    }
}

fn failed(row: OutboxRow, attempts: u32, reason: String) -> NewFailedRow {
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
