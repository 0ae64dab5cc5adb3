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

use crate::command::{Command, Request};
use crate::execute::{self, Decided, LockWait, Opened, Writes};
use crate::run::{Answered, Ending, Failure, Held, Inventory, TransactionTimes, end};

/// A transaction whose rows are locked and whose commands are still undecided, or the error with which it failed to start.
pub struct Begun<R> {
    inventory: Inventory,
    requests: Vec<R>,
    /// True if the batch contains only `Book`, `Cancel`, `Leave` and `ChangeEntry` commands, that is, none that changes the event
    /// data on which other decisions depend.
    plain: bool,
    held: Result<Box<Held>, Failure>,
}

impl<R> std::fmt::Debug for Begun<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begun").field("requests", &self.requests.len()).finish_non_exhaustive()
    }
}

/// The transaction to start behind another one.
#[derive(Debug)]
pub struct Next<R> {
    /// The requests that are already queued.
    pub requests: Vec<R>,
    /// The ticket types in such demand that a request for them is expected by the time the locks are acquired.
    pub expected: Vec<TypeKey>,
}

impl<R> Next<R> {
    /// Returns a value that starts no transaction.
    pub const fn nothing() -> Self {
        Self { requests: Vec::new(), expected: Vec::new() }
    }
}

/// The state of the connection after a transaction has ended.
#[derive(Debug)]
pub enum Behind<R> {
    /// The next transaction has started.
    Begun(Begun<R>),
    /// No transaction has started. The caller must start these requests again, if there are any.
    NotBegun(Vec<R>),
}

impl Inventory {
    /// Returns whether transactions may be chained on a connection. They may not if each transaction is restricted to one event.
    pub fn has_chains(&self) -> bool {
        !self.parts().one_event_per_transaction
    }

    /// Starts a transaction that locks those rows of the commands that no other transaction has locked. If that panics, the
    /// requests are lost.
    pub async fn begin<R: Request>(&self, requests: Vec<R>) -> Begun<R> {
        let this = self.clone();
        let opening = async move {
            let held = this.open(&requests, LockWait::Skip).await.map(Box::new);
            (requests, held)
        };
        let (requests, held) = tokio::spawn(opening).await.unwrap_or_else(|error| (Vec::new(), Err(Failure::Unknown(error.to_string()))));
        Begun::new(self.clone(), requests, held)
    }
}

impl<R: Request> Begun<R> {
    fn new(inventory: Inventory, requests: Vec<R>, held: Result<Box<Held>, Failure>) -> Self {
        let plain =
            |request: &R| matches!(request.command(), Command::Book(_) | Command::Cancel(_) | Command::Leave(_) | Command::ChangeEntry(_));
        Self { inventory, plain: requests.iter().all(plain), requests, held }
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
    pub fn take_out_stuck(&mut self) -> Vec<R> {
        let Ok(held) = &self.held else { return Vec::new() };
        self.requests.extract_if(.., |request| held.opened.lacks(request.command())).collect()
    }

    /// Removes the requests for which `wants` returns false, for example because the client has disconnected.
    pub fn retain(&mut self, wants: impl FnMut(&R) -> bool) {
        self.requests.retain(wants);
    }

    /// Adds a request to the batch, or returns it if it cannot be decided with the rows that are locked and read.
    pub fn admit(&mut self, request: R) -> Result<(), R> {
        if self.plain
            && let Ok(held) = &mut self.held
            && held.opened.admits(request.command())
        {
            self.requests.push(request);
            return Ok(());
        }
        Err(request)
    }

    /// Decides the commands, writes, commits, and pipelines the next transaction behind the COMMIT. Calls `tell` with the results
    /// of the requests as soon as they are known. The work runs in its own task, so a cancelled caller cannot interrupt it; if
    /// that task panics, the requests are lost.
    pub async fn finish(self, next: Next<R>, tell: impl FnOnce(Answered<R>) + Send + 'static) -> Behind<R> {
        tokio::spawn(self.finish_here(next, tell)).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the task of a transaction failed; its requests get no result");
            Behind::NotBegun(Vec::new())
        })
    }

    async fn finish_here(self, next: Next<R>, tell: impl FnOnce(Answered<R>)) -> Behind<R> {
        let Self { inventory, requests, held, .. } = self;
        let decided = held.and_then(|held| {
            let Held { conn, opened, lock } = *held;
            Ok((conn, lock, opened.decide(&requests, &*inventory.parts().render, inventory.parts().source)?))
        });
        let (mut lent, lock, Decided { outcomes, writes }) = match decided {
            Ok(decided) => decided,
            Err(failure) => {
                let answers = inventory.settle(&requests, LockWait::Wait, Err(failure)).await;
                tell(requests.into_iter().zip(answers).collect());
                return Behind::NotBegun(next.requests);
            }
        };
        let proof = writes.as_ref().map(|writes| writes.proof.clone());
        let mut open = Some((requests, outcomes, tell));
        let done = |commit| {
            inventory.done(proof.is_some(), TransactionTimes { lock, commit });
            if let Some((requests, outcomes, tell)) = open.take() {
                tell(requests.into_iter().zip(outcomes.into_iter().map(Ok)).collect());
            }
        };
        let ended = match lent.get() {
            Ok(conn) => Box::pin(inventory.end_and_open(conn, writes, &next, done)).await,
            Err(error) => Err(Ending::Refused(error.into())),
        };
        match (ended, open) {
            (Ok(None), _) => {
                lent.give_back();
                Behind::NotBegun(next.requests)
            }
            (Ok(Some((Ok(opened), lock))), _) => {
                Behind::Begun(Self::new(inventory, next.requests, Ok(Box::new(Held { conn: lent, opened, lock }))))
            }
            (Ok(Some((Err(failure), _))), _) => {
                tracing::debug!(?failure, "could not start a transaction behind its predecessor; its commands are started again");
                Behind::NotBegun(next.requests)
            }
            (Err(ending), Some((requests, outcomes, tell))) => {
                drop(lent);
                let first = inventory.look_back(ending, proof, outcomes).await;
                // The pipelined transaction may hold the rows until the server notices the closed connection. Requests that
                // skipped them now would be overtaken by later ones, so they wait.
                let answers = inventory.settle(&requests, LockWait::Wait, first).await;
                tell(requests.into_iter().zip(answers).collect());
                Behind::NotBegun(next.requests)
            }
            (Err(_), None) => Behind::NotBegun(next.requests),
        }
    }
}

/// The result of starting the next transaction, and the time from the end of the previous one until its rows were locked.
type Opening = (Result<Opened, Failure>, Duration);

impl Inventory {
    /// Ends a transaction and pipelines the next one behind it, if `next` is not empty. Calls `done` with the duration of the end
    /// once it has succeeded. After an error the connection must not be used again.
    async fn end_and_open<R: Request>(
        &self,
        conn: &AsyncPgConnection,
        writes: Option<Writes>,
        next: &Next<R>,
        done: impl FnOnce(Duration),
    ) -> Result<Option<Opening>, Ending> {
        let parts = self.parts();
        let sent = Instant::now();
        let commands: Vec<&Command> = next.requests.iter().map(Request::command).collect();
        let ending = pin!(timeout(parts.patience, end(conn, writes)));
        let opening = pin!(async {
            if commands.is_empty() && next.expected.is_empty() {
                return None;
            }
            let opening = execute::open(conn, &commands, &next.expected, LockWait::Skip, parts.new_id.clone());
            // The statements queue behind those of the preceding transaction, so they may take twice as long.
            Some(timeout(parts.patience * 2, opening).await)
        });
        // `select` polls `ending` first, so its statements are sent first.
        let (ended, opening) = match select(ending, opening).await {
            Either::Left((ended, opening)) => (ended, Either::Left(opening)),
            Either::Right((opened, ending)) => (ending.await, Either::Right(ready(opened))),
        };
        match self.ending(ended) {
            Ending::Done => {}
            ending => return Err(ending),
        }
        let ended = Instant::now();
        done(ended - sent);
        let opened = match opening.await {
            None => return Ok(None),
            Some(Err(_)) => Err(self.no_answer()),
            Some(Ok(opened)) => opened.map_err(Failure::from),
        };
        Ok(Some((opened, ended.elapsed())))
    }
}
