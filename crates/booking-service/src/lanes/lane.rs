//! The task that runs the commands of one lane.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rowlock_domain::ids::TypeKey;
use rowlock_inventory::{Inventory, LockWait, NextBatch, Outcome, PipelinedBatch, RequestResults, StartedBatch};
use rowlock_platform::lifecycle::Lifecycle;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::metrics::{CommandLabels, LaneMetrics};
use super::queued_command::QueuedCommand;
use super::side_queues::{LockScope, SideQueues};
use super::{LaneSettings, service_stopping};

/// Maximum number of transactions pipelined on one connection. The pause after them lets other sessions that wait for the same
/// rows, such as a worker, acquire the locks.
const MAX_CHAIN_LENGTH: usize = 16;

/// The state of one lane.
#[derive(Clone)]
pub(super) struct Lane {
    inventory: Inventory,
    max_batch: usize,
    side_queues: SideQueues,
    /// Bounds the number of side queues that wait for row locks at the same time.
    lock_waiters: Arc<Semaphore>,
    metrics: LaneMetrics,
    lifecycle: Lifecycle,
}

impl Lane {
    pub(super) fn new(inventory: Inventory, settings: LaneSettings, metrics: LaneMetrics, lifecycle: Lifecycle) -> Self {
        Self {
            inventory,
            max_batch: settings.max_batch,
            side_queues: SideQueues::default(),
            lock_waiters: Arc::new(Semaphore::new(settings.side_queues)),
            metrics,
            lifecycle,
        }
    }

    /// Runs commands until all senders are dropped, or until `stop` is cancelled and the queue has been rejected.
    pub(super) async fn run(self, mut commands: mpsc::UnboundedReceiver<QueuedCommand>, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            if batch.is_empty() {
                tokio::select! {
                    biased;
                    received = commands.recv_many(&mut batch, self.max_batch) => if received == 0 { return },
                    () = stop.cancelled() => {
                        commands.close();
                        while let Some(queued) = commands.recv().await {
                            let _ = queued.result.send(Err(service_stopping()));
                        }
                        return;
                    }
                }
            }
            let unblocked = self.side_queues.divert_blocked(std::mem::take(&mut batch));
            if self.inventory.can_pipeline() {
                batch = self.run_chain(unblocked, &mut commands).await;
            } else {
                self.transact(unblocked, LockWait::Skip).await;
            }
        }
    }

    /// Runs a chain of pipelined transactions that starts with this batch. Returns the commands that a new chain has to start
    /// with.
    async fn run_chain(&self, batch: Vec<QueuedCommand>, commands: &mut mpsc::UnboundedReceiver<QueuedCommand>) -> Vec<QueuedCommand> {
        if batch.is_empty() {
            return batch;
        }
        let mut started = self.inventory.begin(batch).await;
        let mut length = 1;
        loop {
            for blocked in started.take_blocked() {
                self.divert(blocked);
            }
            let next = self.fill(&mut started, commands);
            started.retain(QueuedCommand::start);
            let size = started.len();
            let this = self.clone();
            let send_results = move |answered| this.send_results(answered, size);
            // Without a row in high demand, a small batch is not worth a transaction of its own yet: more commands arrive until the
            // COMMIT is confirmed, and then share one. A large one makes the server lock its rows while this process answers.
            let worthwhile = !next.expected.is_empty() || next.requests.len() * 2 >= size;
            if length >= MAX_CHAIN_LENGTH || !worthwhile {
                let _ = started.commit(NextBatch::empty(), send_results).await;
                return next.requests;
            }
            match started.commit(next, send_results).await {
                PipelinedBatch::Started(next) => started = next,
                PipelinedBatch::NotStarted(requests) => return requests,
            }
            length += 1;
        }
    }

    /// Admits commands that arrived meanwhile to a transaction that already holds their row locks. Returns the others as the
    /// next batch.
    fn fill(
        &self,
        started: &mut StartedBatch<QueuedCommand>,
        commands: &mut mpsc::UnboundedReceiver<QueuedCommand>,
    ) -> NextBatch<QueuedCommand> {
        let mut arrived = Vec::new();
        while arrived.len() < self.max_batch
            && let Ok(queued) = commands.try_recv()
        {
            arrived.push(queued);
        }
        let (mut requests, mut deferred_events) = (Vec::new(), HashSet::new());
        for queued in self.side_queues.divert_blocked(arrived) {
            let event = queued.command.event();
            // A command must not overtake an earlier command for the same event.
            let fits = started.len() < self.max_batch && !deferred_events.contains(&event);
            if let Err(queued) = if fits { started.try_add(queued) } else { Err(queued) } {
                deferred_events.insert(event);
                requests.push(queued);
            }
        }
        NextBatch { expected: in_demand(started.requests()), requests }
    }

    /// Runs commands in one transaction and sends their results. Commands whose rows are locked elsewhere move to side queues.
    async fn transact(&self, mut batch: Vec<QueuedCommand>, wait: LockWait) {
        batch.retain(QueuedCommand::start);
        let size = batch.len();
        self.send_results(self.inventory.run_requests(batch, wait).await, size);
    }

    /// Records metrics and sends the outcomes of a transaction to the callers.
    fn send_results(&self, answered: RequestResults<QueuedCommand>, size: usize) {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.metrics.observe_batch(size);
        for (mut queued, outcome) in answered {
            if outcome == Ok(Outcome::Skipped) {
                queued.reset();
                self.divert(queued);
                continue;
            }
            let labels = CommandLabels::new(&queued.command, &outcome);
            queued.span.set("rowlock.command", labels.command);
            queued.span.set("rowlock.outcome", labels.outcome);
            queued.span.set("rowlock.batch_size", i64::from(size));
            self.metrics.count_command(&labels);
            // If the receiver is gone, the command has still taken effect, as if the response had been lost in transit.
            let _ = queued.result.send(outcome);
        }
    }

    /// Moves a command to the side queue of its rows, and starts a task for the queue if it is new.
    fn divert(&self, queued: QueuedCommand) {
        let scope = LockScope::of(&queued.command);
        if self.side_queues.push(scope, queued) {
            let lane = self.clone();
            self.lifecycle.spawn(async move { lane.drain_side_queue(scope).await });
        }
    }

    /// Processes a side queue until it is empty, waiting for its row locks without blocking the lane.
    async fn drain_side_queue(&self, scope: LockScope) {
        let Ok(_permit) = self.lock_waiters.acquire().await else { return };
        while let Some(batch) = self.side_queues.next_batch(scope, self.max_batch) {
            // With `LockWait::Wait`, no command is skipped.
            self.transact(batch, LockWait::Wait).await;
        }
    }
}

/// Returns the ticket types that more than an eighth of a batch wants, so that the next batch probably wants them too.
fn in_demand(batch: &[QueuedCommand]) -> Vec<TypeKey> {
    let mut counts: HashMap<TypeKey, usize> = HashMap::new();
    for key in batch.iter().filter_map(|queued| queued.command.only_type()) {
        *counts.entry(key).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1 + batch.len() / 8);
    counts.into_keys().collect()
}
