//! The consumer of `tickets.released`: receives a batch, reallocates each ticket type once and acknowledges after the commit.
//!
//! A message that fails is retried with growing delays and ends as a dead letter. While the database is unavailable, consuming
//! is paused and no attempt is counted: deliveries stay unacknowledged until the database is back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rowlock_domain::ids::TypeKey;
use rowlock_domain::messages::{TicketsReleased, parse_tickets_released};
use rowlock_domain::trace::TraceContext;
use rowlock_messaging::amqp::{AmqpSettings, Backoff, Consumer, Delivery, LinkError, LinkMetrics, shorten};
use rowlock_platform::clock::Clock;
use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::reallocator::{ReallocationResult, Reallocator, Task};
use crate::sweep::SweepReader;

/// Consumes `tickets.released` messages and reallocates the tickets of the ticket types that they name.
pub(crate) struct ReleasedTicketsConsumer {
    pub(crate) reallocator: Reallocator,
    /// Checks whether the database is available.
    pub(crate) sweep_reader: SweepReader,
    pub(crate) amqp: AmqpSettings,
    pub(crate) prefetch: u16,
    /// Maximum number of ticket types whose row locks are waited for. Each uses a connection.
    pub(crate) max_lock_waiters: usize,
    pub(crate) clock: Clock,
    pub(crate) metrics: LinkMetrics,
    pub(crate) stop: CancellationToken,
}

/// Delay between two checks whether the database is back.
const DATABASE_RETRY_DELAY: Duration = Duration::from_millis(250);

/// Maximum delay before the next attempt to connect to the broker.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Delay before rows that another transaction has locked are tried again, if no more tasks can wait for row locks.
const LOCKED_ROW_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Delay before a contended row is locked again. Tickets returned during the delay are reallocated together, in one transaction
/// instead of several.
const CONTENDED_ROW_DELAY: Duration = Duration::from_millis(8);

/// One unacknowledged delivery, with its trace, for each ticket type that needs reallocation.
type Pending = BTreeMap<TypeKey, (Delivery, Option<TraceContext>)>;

/// Ticket types whose rows another transaction has locked. Each is waited for in a task of its own, so that it does not delay the
/// others.
struct LockWaiters {
    reallocator: Reallocator,
    max: usize,
    tasks: JoinSet<ReallocationResult>,
    keys: BTreeMap<task::Id, TypeKey>,
    /// Waiting types for which another message has arrived. Their task may miss the change that the message reports.
    stale: BTreeSet<TypeKey>,
}

impl LockWaiters {
    fn new(reallocator: &Reallocator, max: usize) -> Self {
        Self { reallocator: reallocator.clone(), max, tasks: JoinSet::new(), keys: BTreeMap::new(), stale: BTreeSet::new() }
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn contains(&self, key: TypeKey) -> bool {
        self.keys.values().any(|waiting| *waiting == key)
    }

    /// Spawns a task that waits for a row lock after `delay`, unless the limit is reached or the type is already waited for.
    fn wait_for(&mut self, task: Task, delay: Duration) {
        if self.len() < self.max && !self.contains(task.key) {
            let reallocator = self.reallocator.clone();
            let running = self.tasks.spawn(async move {
                tokio::time::sleep(delay).await;
                reallocator.reallocate_waiting(task).await
            });
            self.keys.insert(running.id(), task.key);
        }
    }

    /// Waits for the next task to end. Returns its result, unless the row must be tried again: because the task failed or timed
    /// out, or because another message for the type has arrived, in which case a new task waits for the row.
    async fn next_result(&mut self) -> Option<(TypeKey, ReallocationResult)> {
        let (id, result) = match self.tasks.join_next_with_id().await? {
            Ok((id, result)) => (id, Some(result)),
            Err(error) => {
                tracing::error!(%error, "a task that waited for a row lock panicked; the ticket type is tried again");
                (error.id(), None)
            }
        };
        let key = self.keys.remove(&id)?;
        if self.stale.remove(&key) {
            self.wait_for(key.into(), CONTENDED_ROW_DELAY);
            return None;
        }
        // A type whose lock was not acquired in time is tried again with the next batch, which also shows whether the database is
        // available.
        result.filter(|result| !matches!(result, ReallocationResult::Retry(_))).map(|result| (key, result))
    }
}

/// How to continue after a transaction, in ascending order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ConsumeAction {
    /// Receive more messages.
    Continue,
    /// Reallocate again at once, because entries or bookings remain to be closed.
    RepeatAtOnce,
    /// Pause consuming until the database is back.
    PauseForDatabase,
}

impl ReleasedTicketsConsumer {
    /// Consumes until `stop` is cancelled, connecting again whenever the link ends.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), MAX_BACKOFF);
        loop {
            // No message can be processed without the database, so none is received.
            if !self.wait_for_database().await {
                return;
            }
            let ended = self.consume_link(&mut backoff).await;
            if self.stop.is_cancelled() {
                return;
            }
            if let Err(error) = ended {
                tracing::warn!(%error, "the connection to RabbitMQ ended; connecting again");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = backoff.wait() => {}
            }
        }
    }

    /// Connects and consumes until `stop` is cancelled or the link ends.
    async fn consume_link(&self, backoff: &mut Backoff) -> Result<(), LinkError> {
        let connecting = Consumer::connect(&self.amqp, self.prefetch);
        let mut consumer = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            consumer = connecting => consumer?.recording(&self.metrics),
        };
        backoff.reset();
        tracing::info!("connected to RabbitMQ; consuming tickets.released");
        let mut pending = Pending::new();
        let mut waiters = LockWaiters::new(&self.reallocator, self.max_lock_waiters);
        let mut action = ConsumeAction::Continue;
        loop {
            let delay = if action == ConsumeAction::RepeatAtOnce { Duration::ZERO } else { LOCKED_ROW_RETRY_DELAY };
            let (batch, waited) = tokio::select! {
                () = self.stop.cancelled() => break,
                batch = consumer.next_batch(self.prefetch.into()) => (batch?, None),
                waited = waiters.next_result(), if waiters.len() > 0 => (Vec::new(), waited),
                () = tokio::time::sleep(delay), if pending.len() > waiters.len() => (Vec::new(), None),
            };
            self.add_to_pending(&mut consumer, batch, &mut pending, &mut waiters).await?;
            let mut results: Vec<(TypeKey, ReallocationResult)> = waited.into_iter().collect();
            let settled: BTreeSet<TypeKey> = results.iter().map(|(key, _)| *key).collect();
            let due = pending.iter().filter(|(key, _)| !waiters.contains(**key) && !settled.contains(key));
            let tasks: Vec<Task> = due.map(|(key, (_, trace))| Task { key: *key, trace: *trace }).collect();
            if !tasks.is_empty() {
                let batch_results = self.reallocator.reallocate(&tasks).await;
                for (task, _) in tasks.iter().zip(&batch_results).filter(|(_, result)| **result == ReallocationResult::Locked) {
                    waiters.wait_for(*task, Duration::ZERO);
                }
                results.extend(tasks.into_iter().map(|task| task.key).zip(batch_results));
            }
            action = self.settle(&mut consumer, &mut pending, results.into_iter()).await?;
            if action == ConsumeAction::PauseForDatabase && !self.pause_until_database_is_back(&mut consumer).await? {
                break;
            }
        }
        // The broker requeues the deliveries that are still unacknowledged.
        consumer.close().await;
        Ok(())
    }

    /// Adds deliveries to `pending` by ticket type. All messages of a type are equivalent, so only the latest stays unacknowledged.
    /// Unreadable messages become dead letters.
    async fn add_to_pending(
        &self,
        consumer: &mut Consumer,
        batch: Vec<Delivery>,
        pending: &mut Pending,
        waiters: &mut LockWaiters,
    ) -> Result<(), LinkError> {
        let mut superseded = Vec::new();
        for delivery in batch {
            match parse_tickets_released(&delivery.body) {
                Ok(TicketsReleased { key, trace }) => {
                    if waiters.contains(key) {
                        waiters.stale.insert(key);
                    }
                    superseded.extend(pending.insert(key, (delivery, trace)).map(|(earlier, _)| earlier.tag));
                }
                Err(error) => {
                    // The error may quote the message, which may be long.
                    let reason = shorten(&error.to_string());
                    consumer.dead_letter(&delivery, &reason, self.clock.now()).await?;
                    tracing::warn!(message_id = delivery.message_id, %reason, "a tickets.released message is unreadable and was moved to the dead letters");
                }
            }
        }
        consumer.ack(&superseded).await
    }

    /// Pauses consuming until the database is back. Returns false if `stop` is cancelled first.
    async fn pause_until_database_is_back(&self, consumer: &mut Consumer) -> Result<bool, LinkError> {
        consumer.pause().await?;
        tokio::time::sleep(DATABASE_RETRY_DELAY).await;
        if !self.wait_for_database().await {
            return Ok(false);
        }
        consumer.resume().await?;
        Ok(true)
    }

    /// Acknowledges, retries or keeps the delivery of each ticket type according to its result. Returns how to continue.
    async fn settle(
        &self,
        consumer: &mut Consumer,
        pending: &mut Pending,
        results: impl Iterator<Item = (TypeKey, ReallocationResult)>,
    ) -> Result<ConsumeAction, LinkError> {
        let mut done = Vec::new();
        let mut action = ConsumeAction::Continue;
        for (key, result) in results {
            match result {
                ReallocationResult::Done | ReallocationResult::Idle => done.extend(pending.remove(&key).map(|(delivery, _)| delivery.tag)),
                ReallocationResult::Locked => {}
                ReallocationResult::MoreToClose => action = action.max(ConsumeAction::RepeatAtOnce),
                ReallocationResult::Retry(reason) => {
                    tracing::warn!(%reason, "consuming is paused until the database is back; deliveries stay unacknowledged");
                    action = action.max(ConsumeAction::PauseForDatabase);
                }
                ReallocationResult::Failed(reason) => {
                    if let Some((delivery, _)) = pending.remove(&key) {
                        let disposition = consumer.retry(&delivery, &reason, self.clock.now()).await?;
                        tracing::warn!(event_id = %key.event, ticket_type_id = %key.ticket_type, %reason, ?disposition, "a tickets.released message could not be processed");
                    }
                }
            }
        }
        consumer.ack(&done).await?;
        Ok(action)
    }

    /// Waits until the database responds. Returns false if `stop` is cancelled first.
    async fn wait_for_database(&self) -> bool {
        loop {
            if self.sweep_reader.types_to_reallocate().await.is_ok() {
                return true;
            }
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep(DATABASE_RETRY_DELAY) => {}
            }
        }
    }
}
