//! Transactions one behind the other on one connection: while one commits, the next takes its locks behind it.
//!
//! A transaction needs two round trips, one to lock and read and one to write and commit, and on a busy machine each costs
//! many times what the statements in it do. Where commands never stop coming, the first round trip of a transaction goes
//! along with the second one of its predecessor. The server runs what is sent on a connection in its order, so the locks
//! are taken after that COMMIT, and all that is read is read behind the locks, as ever. Nothing is decided before that.

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

/// A transaction that has its rows and waits for its decisions, or could not be begun.
pub struct Begun<R> {
    inventory: Inventory,
    requests: Vec<R>,
    /// Whether all of them sell, take back or queue, and nothing that they are decided by.
    plain: bool,
    held: Result<Box<Held>, Failure>,
}

impl<R> std::fmt::Debug for Begun<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begun").field("requests", &self.requests.len()).finish_non_exhaustive()
    }
}

/// What is to be begun behind a transaction.
#[derive(Debug)]
pub struct Next<R> {
    /// Those who wait already.
    pub requests: Vec<R>,
    /// Types that are in such demand that somebody will want them by then.
    pub expected: Vec<TypeKey>,
}

impl<R> Next<R> {
    /// Nothing.
    pub const fn nothing() -> Self {
        Self { requests: Vec::new(), expected: Vec::new() }
    }
}

/// What there is behind a transaction that has ended.
#[derive(Debug)]
pub enum Behind<R> {
    /// The next one.
    Begun(Begun<R>),
    /// Nothing: these have to be begun anew, if there are any.
    NotBegun(Vec<R>),
}

impl Inventory {
    /// Whether transactions may follow each other on a connection, whatever their events.
    pub fn has_chains(&self) -> bool {
        !self.parts().one_event_per_transaction
    }

    /// Takes the rows of some commands that nobody else has locked. If that panics, the requests are lost.
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

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Who is in it.
    pub fn requests(&self) -> &[R] {
        &self.requests
    }

    /// Takes out who needs a row that is locked elsewhere.
    pub fn take_out_stuck(&mut self) -> Vec<R> {
        let Ok(held) = &self.held else { return Vec::new() };
        self.requests.extract_if(.., |request| held.opened.lacks(request.command())).collect()
    }

    /// Takes out who no longer wants it.
    pub fn retain(&mut self, wants: impl FnMut(&R) -> bool) {
        self.requests.retain(wants);
    }

    /// Takes one more in, if it can be decided with what is locked and read.
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

    /// Decides, writes and commits; behind the COMMIT the next is begun. `tell` hears what came of each as soon as that is
    /// known. Runs in a task of its own, so a caller that goes away cannot leave it half-way; if that task panics, the
    /// requests are lost.
    pub async fn finish(self, next: Next<R>, tell: impl FnOnce(Answered<R>) + Send + 'static) -> Behind<R> {
        tokio::spawn(self.finish_here(next, tell)).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a transaction ended half-way");
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
                tracing::debug!(?failure, "a transaction was not begun behind its predecessor");
                Behind::NotBegun(next.requests)
            }
            (Err(ending), Some((requests, outcomes, tell))) => {
                drop(lent);
                let first = inventory.look_back(ending, proof, outcomes).await;
                // What was begun behind may hold the rows until the server notices that its connection is gone. Who skipped
                // them here would be overtaken by who comes a moment later.
                let answers = inventory.settle(&requests, LockWait::Wait, first).await;
                tell(requests.into_iter().zip(answers).collect());
                Behind::NotBegun(next.requests)
            }
            (Err(_), None) => Behind::NotBegun(next.requests),
        }
    }
}

/// The next transaction, and how long its locks took after the end of the one before.
type Opening = (Result<Opened, Failure>, Duration);

impl Inventory {
    /// Ends a transaction and begins the next behind it, if one is wanted. `done` is called when the first has ended as it
    /// should, with the time that took; if it has not, the connection must not be used again.
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
            // Before its own turn comes that of its predecessor.
            Some(timeout(parts.patience * 2, opening).await)
        });
        // What is polled first is sent first.
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
