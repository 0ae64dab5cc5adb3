//! Chained transactions: while one transaction commits, the next one on the same connection already acquires its locks.
//!
//! A transaction needs two round trips, one to lock and read and one to write and commit. On a busy machine, each round trip
//! costs many times what its statements cost. Under continuous load, the first round trip of a transaction is therefore pipelined
//! with the second one of its predecessor. The server executes the statements of a connection in order, so the locks are acquired
//! after the preceding COMMIT and everything is read under them, as in an unchained transaction. No command is decided before
//! that.

use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use futures_util::future::{Either, select};
use rowlock_domain::ids::TypeKey;
use tokio::time::{Instant, timeout};

use crate::command::{Command, CommandRequest};
use crate::config::{LockWait, TransactionTimes};
use crate::execute::{self, BatchWrites, DecidedBatch, LockedBatch};
use crate::inventory::Inventory;
use crate::run::RequestResults;
use crate::transaction::{OpenTransaction, TransactionEnd, TransactionError, end_transaction};

/// A transaction whose rows are locked and whose commands are still undecided, or the error with which it failed to start.
#[must_use = "the requests get no result unless the batch is committed"]
pub struct StartedBatch<R> {
    inventory: Inventory,
    requests: Vec<R>,
    /// True if the batch contains only `Book`, `BookWish`, `Confirm`, `CancelBooking`, `LeaveWaitlist` and `ChangeEntry` commands, that
    /// is, none that changes the event data on which other decisions depend.
    accepts_more: bool,
    transaction: Result<Box<OpenTransaction>, TransactionError>,
}

impl<R> std::fmt::Debug for StartedBatch<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StartedBatch").field("requests", &self.requests.len()).finish_non_exhaustive()
    }
}

/// The transaction to start behind another one.
#[derive(Debug)]
pub struct NextBatch<R> {
    /// The requests that are already queued.
    pub requests: Vec<R>,
    /// The ticket types in such demand that a request for them is expected by the time the locks are acquired.
    pub expected: Vec<TypeKey>,
}

impl<R> NextBatch<R> {
    /// Returns a value that starts no transaction.
    pub const fn empty() -> Self {
        Self { requests: Vec::new(), expected: Vec::new() }
    }
}

/// The next transaction on a connection, after the previous one has ended.
#[must_use = "the requests of the next batch are lost with it"]
#[derive(Debug)]
pub enum PipelinedBatch<R> {
    /// The next transaction has started.
    Started(StartedBatch<R>),
    /// No transaction has started. The caller must start these requests again, if there are any.
    NotStarted(Vec<R>),
}

impl Inventory {
    /// Returns whether transactions may be chained on a connection. They may not if each transaction is restricted to one event.
    pub fn can_pipeline(&self) -> bool {
        !self.config().one_event_per_transaction
    }

    /// Starts a transaction that locks those rows of the commands that no other transaction has locked. If that panics, the
    /// requests are lost.
    pub async fn begin<R: CommandRequest>(&self, requests: Vec<R>) -> StartedBatch<R> {
        let this = self.clone();
        let opening = async move {
            let transaction = this.open_transaction(&requests, LockWait::Skip).await.map(Box::new);
            (requests, transaction)
        };
        let (requests, transaction) =
            tokio::spawn(opening).await.unwrap_or_else(|error| (Vec::new(), Err(TransactionError::Unknown(error.to_string()))));
        StartedBatch::new(self.clone(), requests, transaction)
    }
}

impl<R: CommandRequest> StartedBatch<R> {
    fn new(inventory: Inventory, requests: Vec<R>, transaction: Result<Box<OpenTransaction>, TransactionError>) -> Self {
        let accepts_more = |request: &R| {
            matches!(
                request.command(),
                Command::Book(_)
                    | Command::BookWish(_)
                    | Command::Confirm(_)
                    | Command::CancelBooking(_)
                    | Command::LeaveWaitlist(_)
                    | Command::ChangeEntry(_)
            )
        };
        Self { inventory, accepts_more: requests.iter().all(accepts_more), requests, transaction }
    }

    /// Returns the number of requests in the batch.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Returns whether the batch contains no requests.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Returns the requests in the batch.
    pub fn requests(&self) -> &[R] {
        &self.requests
    }

    /// Removes and returns the requests that need a row which another transaction has locked.
    #[must_use = "the returned requests are no longer in the batch"]
    pub fn take_blocked(&mut self) -> Vec<R> {
        let Ok(transaction) = &self.transaction else { return Vec::new() };
        self.requests.extract_if(.., |request| transaction.batch.is_blocked(request.command())).collect()
    }

    /// Removes the requests for which `wants` returns false, for example because the client has disconnected.
    pub fn retain(&mut self, wants: impl FnMut(&R) -> bool) {
        self.requests.retain(wants);
    }

    /// Adds a request to the batch, or returns it if it cannot be decided with the rows that are locked and read.
    pub fn try_add(&mut self, request: R) -> Result<(), R> {
        if self.accepts_more
            && let Ok(transaction) = &mut self.transaction
            && transaction.batch.try_admit(request.command())
        {
            self.requests.push(request);
            return Ok(());
        }
        Err(request)
    }

    /// Decides the commands, writes, commits, and pipelines the next transaction behind the COMMIT. Calls `on_results` with the
    /// results of the requests as soon as they are known. The work runs in its own task, so a cancelled caller cannot interrupt
    /// it; if that task panics, the requests are lost.
    pub async fn commit(self, next: NextBatch<R>, on_results: impl FnOnce(RequestResults<R>) + Send + 'static) -> PipelinedBatch<R> {
        tokio::spawn(self.commit_in_task(next, on_results)).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the task of a transaction failed; its requests get no result");
            PipelinedBatch::NotStarted(Vec::new())
        })
    }

    async fn commit_in_task(self, next: NextBatch<R>, on_results: impl FnOnce(RequestResults<R>)) -> PipelinedBatch<R> {
        let Self { inventory, requests, transaction, .. } = self;
        let decided = transaction.and_then(|transaction| {
            let OpenTransaction { conn, batch, lock } = *transaction;
            Ok((conn, lock, batch.decide(&requests, &*inventory.config().render, inventory.config().messages)?))
        });
        let (mut guard, lock, DecidedBatch { outcomes, writes }) = match decided {
            Ok(decided) => decided,
            Err(failure) => {
                let results = inventory.complete(&requests, LockWait::Wait, Err(failure)).await;
                on_results(requests.into_iter().zip(results).collect());
                return PipelinedBatch::NotStarted(next.requests);
            }
        };
        let marker = writes.as_ref().map(|writes| writes.marker.clone());
        let mut open = Some((requests, outcomes, on_results));
        let done = |commit| {
            inventory.notify_committed(marker.as_ref(), TransactionTimes { lock, commit });
            if let Some((requests, outcomes, on_results)) = open.take() {
                on_results(requests.into_iter().zip(outcomes.into_iter().map(Ok)).collect());
            }
        };
        let ended = match guard.get() {
            Ok(conn) => Box::pin(inventory.end_and_begin_next(conn, writes, &next, done)).await,
            Err(error) => Err(TransactionEnd::Rejected(error.into())),
        };
        match (ended, open) {
            (Ok(None), _) => {
                guard.give_back();
                PipelinedBatch::NotStarted(next.requests)
            }
            (Ok(Some((Ok(batch), lock))), _) => {
                PipelinedBatch::Started(Self::new(inventory, next.requests, Ok(Box::new(OpenTransaction { conn: guard, batch, lock }))))
            }
            (Ok(Some((Err(failure), _))), _) => {
                tracing::debug!(?failure, "could not start a transaction behind its predecessor; its commands are started again");
                PipelinedBatch::NotStarted(next.requests)
            }
            (Err(ending), Some((requests, outcomes, on_results))) => {
                drop(guard);
                let first = inventory.resolve_end(ending, marker, outcomes).await;
                // The pipelined transaction may hold the rows until the server notices the closed connection. Requests that
                // skipped them now would be overtaken by later ones, so they wait.
                let results = inventory.complete(&requests, LockWait::Wait, first).await;
                on_results(requests.into_iter().zip(results).collect());
                PipelinedBatch::NotStarted(next.requests)
            }
            (Err(_), None) => PipelinedBatch::NotStarted(next.requests),
        }
    }
}

/// The result of starting the next transaction, and the time from the end of the previous one until its rows were locked.
type NextStart = (Result<LockedBatch, TransactionError>, Duration);

impl Inventory {
    /// Ends a transaction and pipelines the next one behind it, if `next` is not empty. Calls `done` with the duration of the end
    /// once it has succeeded. After an error the connection must not be used again.
    async fn end_and_begin_next<R: CommandRequest>(
        &self,
        conn: &AsyncPgConnection,
        writes: Option<BatchWrites>,
        next: &NextBatch<R>,
        done: impl FnOnce(Duration),
    ) -> Result<Option<NextStart>, TransactionEnd> {
        let config = self.config();
        let sent = Instant::now();
        let commands: Vec<&Command> = next.requests.iter().map(CommandRequest::command).collect();
        let ending = pin!(timeout(config.response_timeout, end_transaction(conn, writes)));
        let opening = pin!(async {
            if commands.is_empty() && next.expected.is_empty() {
                return None;
            }
            let opening = execute::begin_batch(conn, &commands, &next.expected, LockWait::Skip, config.new_id.clone());
            // The statements queue behind those of the preceding transaction, so they may take twice as long.
            Some(timeout(config.response_timeout * 2, opening).await)
        });
        // `select` polls `ending` first, so its statements are sent first.
        let (ended, opening) = match select(ending, opening).await {
            Either::Left((ended, opening)) => (ended, Either::Left(opening)),
            Either::Right((batch, ending)) => (ending.await, Either::Right(ready(batch))),
        };
        match self.classify_end(ended) {
            TransactionEnd::Confirmed => {}
            ending => return Err(ending),
        }
        let ended = Instant::now();
        done(ended - sent);
        let batch = match opening.await {
            None => return Ok(None),
            Some(Err(_)) => Err(self.response_timeout_error()),
            Some(Ok(batch)) => batch.map_err(TransactionError::from),
        };
        Ok(Some((batch, ended.elapsed())))
    }
}
