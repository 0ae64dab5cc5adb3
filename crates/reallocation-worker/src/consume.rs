//! The consumer: takes what is there, treats each ticket type once, acknowledges after the commit.
//!
//! An error of the message is retried with growing delay and ends among the dead letters. While the database is away
//! nothing is taken and no try is used up: what was taken is held until the database is back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rowlock_domain::ids::TypeKey;
use rowlock_domain::messages::{TicketsReleased, read_tickets_released};
use rowlock_domain::trace::TraceContext;
use rowlock_messaging::amqp::{AmqpSettings, Backoff, Consumer, Delivery, LinkError, LinkMetrics, shorten};
use rowlock_platform::clock::Clock;
use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::sweep::Look;
use crate::work::{Task, Treated, Work};

/// What the consumer works with.
pub(crate) struct Intake {
    pub(crate) work: Work,
    pub(crate) look: Look,
    pub(crate) amqp: AmqpSettings,
    pub(crate) prefetch: u16,
    /// Ticket types whose rows are waited for at a time, each with a connection.
    pub(crate) most_in_line: usize,
    pub(crate) clock: Clock,
    pub(crate) metrics: LinkMetrics,
    pub(crate) stop: CancellationToken,
}

/// How long to wait before asking an absent database again.
const DATABASE_PAUSE: Duration = Duration::from_millis(250);

/// The longest wait before an absent broker is asked again.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// How long to wait before asking for rows again that were locked elsewhere, if there is no room in the line.
const LOCKED_PAUSE: Duration = Duration::from_millis(50);

/// How long a row that is asked for without a pause is left to others between two turns: what comes back in that time is
/// handed on together, in one transaction instead of several.
const REST: Duration = Duration::from_millis(8);

/// One unacknowledged delivery for each ticket type that is to be treated, and the trace that it belongs to.
type Pending = BTreeMap<TypeKey, (Delivery, Option<TraceContext>)>;

/// The ticket types whose rows are locked elsewhere, each waited for in a task of its own, so that the others go on.
struct Line {
    work: Work,
    most: usize,
    tasks: JoinSet<Treated>,
    keys: BTreeMap<task::Id, TypeKey>,
    /// Those of which a message has come since: what it tells of may be too new for the task.
    stale: BTreeSet<TypeKey>,
}

impl Line {
    fn new(work: &Work, most: usize) -> Self {
        Self { work: work.clone(), most, tasks: JoinSet::new(), keys: BTreeMap::new(), stale: BTreeSet::new() }
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn contains(&self, key: TypeKey) -> bool {
        self.keys.values().any(|waiting| *waiting == key)
    }

    /// Has a row waited for, if there is room in the line.
    fn join(&mut self, task: Task, after: Duration) {
        if self.len() < self.most && !self.contains(task.key) {
            let work = self.work.clone();
            let running = self.tasks.spawn(async move {
                tokio::time::sleep(after).await;
                work.treat_in_line(task).await
            });
            self.keys.insert(running.id(), task.key);
        }
    }

    /// The next that had its turn, if it is through with it. One of which a message has come since gets in line again.
    async fn next(&mut self) -> Option<(TypeKey, Treated)> {
        let (id, treated) = match self.tasks.join_next_with_id().await? {
            Ok((id, treated)) => (id, Some(treated)),
            Err(error) => {
                tracing::error!(%error, "a task that waited for a row has failed; the row is asked for anew");
                (error.id(), None)
            }
        };
        let key = self.keys.remove(&id)?;
        if self.stale.remove(&key) {
            self.join(key.into(), REST);
            return None;
        }
        // A row that was not got in time is asked for anew, which also tells whether the database is there.
        treated.filter(|treated| !matches!(treated, Treated::Later(_))).map(|treated| (key, treated))
    }
}

/// How to go on after a transaction. The worse comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// Take more messages.
    Go,
    /// There is more to close of a type.
    Again,
    /// Take none until the database is back.
    DatabaseAway,
}

impl Intake {
    /// Consumes until told to stop, connecting anew whenever the link ends.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), LONGEST_BACKOFF);
        loop {
            // Without the database nothing could be done with a message, so none is taken.
            if !self.wait_for_database().await {
                return;
            }
            let ended = self.connected(&mut backoff).await;
            if self.stop.is_cancelled() {
                return;
            }
            if let Err(error) = ended {
                tracing::warn!(%error, "the link to the broker ended; connecting anew");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = backoff.wait() => {}
            }
        }
    }

    /// One link's life.
    async fn connected(&self, backoff: &mut Backoff) -> Result<(), LinkError> {
        let connecting = Consumer::connect(&self.amqp, self.prefetch);
        let mut consumer = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            consumer = connecting => consumer?.recording(&self.metrics),
        };
        backoff.reset();
        tracing::info!("consuming");
        let mut pending = Pending::new();
        let mut line = Line::new(&self.work, self.most_in_line);
        let mut next = Next::Go;
        loop {
            // Where there is more to close, it is done at once.
            let pause = if next == Next::Again { Duration::ZERO } else { LOCKED_PAUSE };
            let (batch, had_turn) = tokio::select! {
                () = self.stop.cancelled() => break,
                batch = consumer.next_batch(self.prefetch.into()) => (batch?, None),
                had_turn = line.next(), if line.len() > 0 => (Vec::new(), had_turn),
                () = tokio::time::sleep(pause), if pending.len() > line.len() => (Vec::new(), None),
            };
            self.sort_in(&mut consumer, batch, &mut pending, &mut line).await?;
            let mut treated: Vec<(TypeKey, Treated)> = had_turn.into_iter().collect();
            let settled: BTreeSet<TypeKey> = treated.iter().map(|(key, _)| *key).collect();
            let due = pending.iter().filter(|(key, _)| !line.contains(**key) && !settled.contains(key));
            let tasks: Vec<Task> = due.map(|(key, (_, trace))| Task { key: *key, trace: *trace }).collect();
            if !tasks.is_empty() {
                let answers = self.work.treat(&tasks).await;
                for (task, _) in tasks.iter().zip(&answers).filter(|(_, treated)| **treated == Treated::Locked) {
                    line.join(*task, Duration::ZERO);
                }
                treated.extend(tasks.into_iter().map(|task| task.key).zip(answers));
            }
            next = self.settle(&mut consumer, &mut pending, treated.into_iter()).await?;
            if next == Next::DatabaseAway && !self.pause_until_back(&mut consumer).await? {
                break;
            }
        }
        // What is still held goes back to the queue.
        consumer.close().await;
        Ok(())
    }

    /// Puts deliveries to their ticket types. All messages of a type say the same, so one of them is held and the others
    /// are acknowledged.
    async fn sort_in(
        &self,
        consumer: &mut Consumer,
        batch: Vec<Delivery>,
        pending: &mut Pending,
        line: &mut Line,
    ) -> Result<(), LinkError> {
        let mut repeated = Vec::new();
        for delivery in batch {
            match read_tickets_released(&delivery.body) {
                Ok(TicketsReleased { key, trace }) => {
                    if line.contains(key) {
                        line.stale.insert(key);
                    }
                    repeated.extend(pending.insert(key, (delivery, trace)).map(|(earlier, _)| earlier.tag));
                }
                Err(error) => {
                    // It may quote the message, which may be long.
                    let reason = shorten(&error.to_string());
                    consumer.dead_letter(&delivery, &reason, self.clock.now()).await?;
                    tracing::warn!(message_id = delivery.message_id, %reason, "a message that nobody can read is a dead letter now");
                }
            }
        }
        consumer.ack(&repeated).await
    }

    /// Takes nothing more until the database is back. False when told to stop before that.
    async fn pause_until_back(&self, consumer: &mut Consumer) -> Result<bool, LinkError> {
        consumer.pause().await?;
        tokio::time::sleep(DATABASE_PAUSE).await;
        if !self.wait_for_database().await {
            return Ok(false);
        }
        consumer.resume().await?;
        Ok(true)
    }

    /// Ends the deliveries of the types that were treated, and tells how to go on.
    async fn settle(
        &self,
        consumer: &mut Consumer,
        pending: &mut Pending,
        treated: impl Iterator<Item = (TypeKey, Treated)>,
    ) -> Result<Next, LinkError> {
        let mut done = Vec::new();
        let mut next = Next::Go;
        for (key, treated) in treated {
            match treated {
                Treated::Done | Treated::Idle => done.extend(pending.remove(&key).map(|(delivery, _)| delivery.tag)),
                Treated::Locked => {}
                Treated::More => next = next.max(Next::Again),
                Treated::Later(reason) => {
                    tracing::warn!(%reason, "holding what was taken until the database is back");
                    next = next.max(Next::DatabaseAway);
                }
                Treated::Impossible(reason) => {
                    if let Some((delivery, _)) = pending.remove(&key) {
                        let disposition = consumer.retry(&delivery, &reason, self.clock.now()).await?;
                        tracing::warn!(event = %key.event, ticket_type = %key.ticket_type, %reason, ?disposition, "a message could not be handled");
                    }
                }
            }
        }
        consumer.ack(&done).await?;
        Ok(next)
    }

    /// Waits until the database answers. False when told to stop.
    async fn wait_for_database(&self) -> bool {
        loop {
            if self.look.due().await.is_ok() {
                return true;
            }
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep(DATABASE_PAUSE) => {}
            }
        }
    }
}
