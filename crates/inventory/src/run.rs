//! Runs commands: groups them into transactions, each in its own task, and retries those that turn out not to have committed.

use std::collections::BTreeMap;

use rowlock_domain::ids::EventId;
use rowlock_domain::trace::TraceContext;
use tokio::time::{Instant, timeout};

use crate::command::{Command, CommandError, CommandRequest, Outcome, TracedCommand};
use crate::config::{LockWait, TransactionTimes};
use crate::execute::DecidedBatch;
use crate::inventory::Inventory;
use crate::transaction::{AttemptResult, OpenTransaction, TransactionEnd, TransactionError, end_transaction};

/// Requests with their results.
pub type RequestResults<R> = Vec<(R, Result<Outcome, CommandError>)>;

pub(crate) type CommandResults = Vec<Result<Outcome, CommandError>>;

/// A command with its index among the commands of the caller.
struct IndexedCommand {
    index: usize,
    traced: TracedCommand,
}

impl CommandRequest for IndexedCommand {
    fn command(&self) -> &Command {
        self.traced.command()
    }

    fn trace(&self) -> Option<TraceContext> {
        self.traced.trace()
    }
}

impl Inventory {
    /// Runs commands in one transaction, or in one for each event if [`one_event_per_transaction`](crate::InventoryConfig::one_event_per_transaction) is set.
    /// Returns the results in the order of the commands.
    pub async fn run(&self, commands: Vec<impl Into<TracedCommand>>, wait: LockWait) -> Vec<Result<Outcome, CommandError>> {
        let indexed: Vec<IndexedCommand> =
            commands.into_iter().enumerate().map(|(index, command)| IndexedCommand { index, traced: command.into() }).collect();
        let mut results =
            vec![Err(CommandError::Unknown("the task of the transaction failed before it returned a result".to_owned())); indexed.len()];
        for (IndexedCommand { index, .. }, result) in self.run_requests(indexed, wait).await {
            if let Some(slot) = results.get_mut(index) {
                *slot = result;
            }
        }
        results
    }

    /// Runs a single command, waiting for its row locks.
    pub async fn run_one(&self, command: impl Into<TracedCommand>) -> Result<Outcome, CommandError> {
        self.run(vec![command], LockWait::Wait)
            .await
            .pop()
            .unwrap_or_else(|| Err(CommandError::Failed("the transaction returned no outcome for the command".to_owned())))
    }

    /// Runs commands like [`Inventory::run`] and returns each request with its result. Each transaction runs in its own task, so
    /// a cancelled caller cannot interrupt it while it holds locks. If such a task panics, its requests are lost.
    pub async fn run_requests<R: CommandRequest>(&self, requests: Vec<R>, wait: LockWait) -> RequestResults<R> {
        let mut groups: BTreeMap<Option<EventId>, Vec<R>> = BTreeMap::new();
        for request in requests {
            let group = self.config().one_event_per_transaction.then(|| request.command().event());
            groups.entry(group).or_default().push(request);
        }
        let mut results = Vec::new();
        for requests in groups.into_values() {
            let this = self.clone();
            let task = tokio::spawn(async move {
                let first = Box::pin(this.run_transaction(&requests, wait)).await;
                let results = this.complete(&requests, wait, first).await;
                requests.into_iter().zip(results).collect::<Vec<_>>()
            });
            match task.await {
                Ok(group) => results.extend(group),
                Err(error) => tracing::error!(%error, "the task of a transaction failed; its requests get no result"),
            }
        }
        results
    }

    /// Returns the results of the requests, given the result of the first attempt at their transaction.
    pub(crate) async fn complete<R: CommandRequest>(
        &self,
        requests: &[R],
        wait: LockWait,
        first: Result<AttemptResult, TransactionError>,
    ) -> CommandResults {
        match self.retry_uncommitted(requests, wait, first).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            // One bad command must not fail the rest of the batch. If another transaction has inserted an idempotency key in the
            // meantime, the retry finds its stored response.
            Err(TransactionError::Data(error)) => {
                tracing::warn!(%error, commands = requests.len(), "the database rejected a batch; retrying its commands one by one");
                let mut results = Vec::with_capacity(requests.len());
                for request in requests {
                    results.push(Box::pin(self.run_single(request, wait)).await);
                }
                results
            }
            Err(failure) => vec![Err(failure.into_command_error()); requests.len()],
        }
    }

    async fn run_single<R: CommandRequest>(&self, request: &R, wait: LockWait) -> Result<Outcome, CommandError> {
        let alone = std::slice::from_ref(request);
        let first = Box::pin(self.run_transaction(alone, wait)).await;
        let outcomes = self.retry_uncommitted(alone, wait, first).await.map_err(TransactionError::into_command_error)?;
        outcomes.into_iter().next().ok_or_else(|| CommandError::Failed("the transaction returned no outcome for the command".to_owned()))
    }

    /// Retries the batch once if the transaction whose COMMIT response was lost turns out not to have committed.
    async fn retry_uncommitted<R: CommandRequest>(
        &self,
        requests: &[R],
        wait: LockWait,
        first: Result<AttemptResult, TransactionError>,
    ) -> Result<Vec<Outcome>, TransactionError> {
        match first? {
            AttemptResult::Committed(outcomes) => Ok(outcomes),
            AttemptResult::NotCommitted => match Box::pin(self.run_transaction(requests, wait)).await? {
                AttemptResult::Committed(outcomes) => Ok(outcomes),
                AttemptResult::NotCommitted => {
                    Err(TransactionError::Unavailable("the connection was lost twice before a commit took place".to_owned()))
                }
            },
        }
    }

    /// Runs one transaction. If the response to its COMMIT is lost, finds out whether it committed.
    async fn run_transaction<R: CommandRequest>(&self, requests: &[R], wait: LockWait) -> Result<AttemptResult, TransactionError> {
        if requests.is_empty() {
            return Ok(AttemptResult::Committed(Vec::new()));
        }
        let OpenTransaction { mut conn, batch, lock } = self.open_transaction(requests, wait).await?;
        let DecidedBatch { outcomes, writes } = batch.decide(requests, &*self.config().render, self.config().messages)?;
        let (marker, started_at) = (writes.as_ref().map(|writes| writes.marker.clone()), Instant::now());
        let ended = timeout(self.config().response_timeout, end_transaction(conn.get()?, writes)).await;
        match self.classify_end(ended) {
            TransactionEnd::Confirmed => {
                self.notify_committed(marker.as_ref(), TransactionTimes { lock, commit: started_at.elapsed() });
                conn.give_back();
                Ok(AttemptResult::Committed(outcomes))
            }
            ending => {
                drop(conn);
                self.resolve_end(ending, marker, outcomes).await
            }
        }
    }
}
