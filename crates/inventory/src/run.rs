//! Runs commands: checks out a connection, runs a transaction in its own task, and resolves lost COMMIT responses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use diesel::result::Error;
use diesel_async::AsyncPgConnection;
use rowlock_domain::ids::EventId;
use rowlock_domain::trace::TraceContext;
use rowlock_postgres::{Connection, ConnectionGuard, DatabaseError, Fault, Pool, checkout};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use crate::command::{Answer, Command, CommandError, Outcome, Request, Traced};
use crate::execute::{self, Decided, LockWait, NewId, Opened, Proof, Writes, was_committed};

/// Renders an outcome as the response that is stored for repeated requests, or returns `None` if it is not stored.
pub type Render = dyn Fn(&Outcome) -> Option<Answer> + Send + Sync;

/// The durations of the two round trips of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionTimes {
    /// The time until the rows were locked and read. It includes the time spent waiting for other transactions.
    pub lock: Duration,
    /// The time until the writes were committed.
    pub commit: Duration,
}

/// The configuration and dependencies of an [`Inventory`].
pub struct InventoryParts {
    /// The connections to the booking database.
    pub pool: Pool,
    /// Generates UUIDv7s.
    pub new_id: NewId,
    /// Renders the responses that are stored for repeated requests.
    pub render: Arc<Render>,
    /// Called after a commit that wrote messages. Must not block.
    pub on_messages: Arc<dyn Fn() + Send + Sync>,
    /// Called with the durations after a transaction that wrote something. Must not block.
    pub on_transaction: Arc<dyn Fn(TransactionTimes) + Send + Sync>,
    /// The CloudEvents `source` of the messages.
    pub source: &'static str,
    /// The timeout for the responses to a transaction's statements, and to its COMMIT, after which the connection is closed. It
    /// must exceed the server's own timeouts, because it is meant for servers that no longer respond.
    pub patience: Duration,
    /// The maximum time to resolve a lost COMMIT response. After it, the outcome is reported as unknown.
    pub resolve_for: Duration,
    /// Whether each transaction is restricted to one event. This is required if the tables are distributed by event, because a
    /// locking statement must then name its event.
    pub one_event_per_transaction: bool,
}

/// The booking system. Cloning it is cheap.
#[derive(Clone)]
pub struct Inventory(Arc<InventoryParts>);

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory").field("source", &self.0.source).finish_non_exhaustive()
    }
}

/// Requests with their results.
pub type Answered<R> = Vec<(R, Result<Outcome, CommandError>)>;

pub(crate) type Answers = Vec<Result<Outcome, CommandError>>;

/// A transaction that is open on a connection.
pub(crate) struct Held {
    pub(crate) conn: ConnectionGuard,
    pub(crate) opened: Opened,
    /// The time from the start until the rows were locked and read.
    pub(crate) lock: Duration,
}

/// A command with its index among the commands of the caller.
struct Placed {
    place: usize,
    traced: Traced,
}

impl Request for Placed {
    fn command(&self) -> &Command {
        self.traced.command()
    }

    fn trace(&self) -> Option<TraceContext> {
        self.traced.trace()
    }
}

impl Inventory {
    /// Creates an inventory from its parts.
    pub fn new(parts: InventoryParts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn parts(&self) -> &InventoryParts {
        &self.0
    }

    /// Returns the connection pool.
    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// Runs commands in one transaction, or in one for each event if [`InventoryParts::one_event_per_transaction`] is set.
    /// Returns the results in the order of the commands.
    pub async fn run(&self, commands: Vec<impl Into<Traced>>, wait: LockWait) -> Vec<Result<Outcome, CommandError>> {
        let placed: Vec<Placed> =
            commands.into_iter().enumerate().map(|(place, command)| Placed { place, traced: command.into() }).collect();
        let mut answers = vec![Err(CommandError::Unknown("the transaction ended half-way".to_owned())); placed.len()];
        for (Placed { place, .. }, answer) in self.serve(placed, wait).await {
            if let Some(kept) = answers.get_mut(place) {
                *kept = answer;
            }
        }
        answers
    }

    /// Runs a single command, waiting for its row locks.
    pub async fn run_one(&self, command: impl Into<Traced>) -> Result<Outcome, CommandError> {
        self.run(vec![command], LockWait::Wait).await.pop().unwrap_or_else(|| Err(CommandError::Failed("no outcome".to_owned())))
    }

    /// Runs commands like [`Inventory::run`] and returns each request with its result. Each transaction runs in its own task, so
    /// a cancelled caller cannot interrupt it while it holds locks. If such a task panics, its requests are lost.
    pub async fn serve<R: Request>(&self, requests: Vec<R>, wait: LockWait) -> Answered<R> {
        let mut groups: BTreeMap<Option<EventId>, Vec<R>> = BTreeMap::new();
        for request in requests {
            let group = self.0.one_event_per_transaction.then(|| request.command().event());
            groups.entry(group).or_default().push(request);
        }
        let mut answered = Vec::new();
        for requests in groups.into_values() {
            let this = self.clone();
            let task = tokio::spawn(async move {
                let first = this.once(&requests, wait).await;
                let answers = this.settle(&requests, wait, first).await;
                requests.into_iter().zip(answers).collect::<Vec<_>>()
            });
            match task.await {
                Ok(group) => answered.extend(group),
                Err(error) => tracing::error!(%error, "the task of a transaction failed; its requests get no result"),
            }
        }
        answered
    }

    /// Returns the results of the requests, given the result of the first attempt at their transaction.
    pub(crate) async fn settle<R: Request>(&self, requests: &[R], wait: LockWait, first: Result<Attempt, Failure>) -> Answers {
        match self.attempt(requests, wait, first).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            // One bad command must not fail the rest of the batch. If another transaction has inserted an idempotency key in the
            // meantime, the retry finds its stored response.
            Err(Failure::Data(error)) => {
                tracing::warn!(%error, commands = requests.len(), "the database rejected a batch; retrying its commands one by one");
                let mut answers = Vec::with_capacity(requests.len());
                for request in requests {
                    answers.push(Box::pin(self.run_alone(request, wait)).await);
                }
                answers
            }
            Err(failure) => vec![Err(failure.into_command_error()); requests.len()],
        }
    }

    async fn run_alone<R: Request>(&self, request: &R, wait: LockWait) -> Result<Outcome, CommandError> {
        let alone = std::slice::from_ref(request);
        let first = self.once(alone, wait).await;
        let outcomes = self.attempt(alone, wait, first).await.map_err(Failure::into_command_error)?;
        outcomes.into_iter().next().ok_or_else(|| CommandError::Failed("no outcome".to_owned()))
    }

    /// Retries the batch once if the transaction whose COMMIT response was lost turns out not to have committed.
    async fn attempt<R: Request>(&self, requests: &[R], wait: LockWait, first: Result<Attempt, Failure>) -> Result<Vec<Outcome>, Failure> {
        match first? {
            Attempt::Committed(outcomes) => Ok(outcomes),
            Attempt::NotCommitted => match Box::pin(self.once(requests, wait)).await? {
                Attempt::Committed(outcomes) => Ok(outcomes),
                Attempt::NotCommitted => Err(Failure::Away("the connection was lost twice before a commit took place".to_owned())),
            },
        }
    }

    /// Runs one transaction. If the response to its COMMIT is lost, finds out whether it committed.
    async fn once<R: Request>(&self, requests: &[R], wait: LockWait) -> Result<Attempt, Failure> {
        if requests.is_empty() {
            return Ok(Attempt::Committed(Vec::new()));
        }
        let Held { mut conn, opened, lock } = self.open(requests, wait).await?;
        let Decided { outcomes, writes } = opened.decide(requests, &*self.0.render, self.0.source)?;
        let (proof, begun) = (writes.as_ref().map(|writes| writes.proof.clone()), Instant::now());
        let ended = timeout(self.0.patience, end(conn.get()?, writes)).await;
        match self.ending(ended) {
            Ending::Done => {
                self.done(proof.is_some(), TransactionTimes { lock, commit: begun.elapsed() });
                conn.give_back();
                Ok(Attempt::Committed(outcomes))
            }
            ending => {
                drop(conn);
                self.look_back(ending, proof, outcomes).await
            }
        }
    }

    /// Checks out a connection, starts a transaction and locks the rows.
    pub(crate) async fn open<R: Request>(&self, requests: &[R], wait: LockWait) -> Result<Held, Failure> {
        let parts = &*self.0;
        let mut conn = ConnectionGuard::new(self.connection().await?);
        let commands: Vec<&Command> = requests.iter().map(Request::command).collect();
        let begun = Instant::now();
        let opening = execute::open(conn.get()?, &commands, &[], wait, parts.new_id.clone());
        let opened = timeout(parts.patience, opening).await.map_err(|_| self.no_answer())??;
        Ok(Held { conn, opened, lock: begun.elapsed() })
    }

    pub(crate) fn no_answer(&self) -> Failure {
        Failure::Away(format!("no answer within {:?}", self.0.patience))
    }

    /// Calls the hooks after a transaction that wrote something was committed.
    pub(crate) fn done(&self, wrote: bool, times: TransactionTimes) {
        if wrote {
            (self.0.on_transaction)(times);
            (self.0.on_messages)();
        }
    }

    /// Interprets the response to the last statements of a transaction.
    pub(crate) fn ending(&self, ended: Result<QueryResult<()>, Elapsed>) -> Ending {
        match ended {
            Ok(Ok(())) => Ending::Done,
            Ok(Err(error)) => match Fault::of(&error) {
                // If the database has rejected the statements, it has not committed the transaction.
                Fault::Data | Fault::Busy => Ending::Refused(error.into()),
                Fault::Unavailable => Ending::Lost(error.to_string()),
            },
            Err(_) => Ending::Lost(format!("no answer within {:?}", self.0.patience)),
        }
    }

    /// Resolves the result of a transaction whose end was not confirmed.
    pub(crate) async fn look_back(&self, ending: Ending, proof: Option<Proof>, outcomes: Vec<Outcome>) -> Result<Attempt, Failure> {
        match (ending, proof) {
            // The transaction had nothing to write, so nothing is lost.
            (_, None) | (Ending::Done, _) => Ok(Attempt::Committed(outcomes)),
            (Ending::Refused(failure), _) => Err(failure),
            (Ending::Lost(reason), Some(proof)) => {
                tracing::warn!(%reason, "the response to a COMMIT was lost; checking whether the transaction committed");
                if !self.find_out(&proof, &reason).await? {
                    return Ok(Attempt::NotCommitted);
                }
                (self.0.on_messages)();
                Ok(Attempt::Committed(outcomes))
            }
        }
    }

    async fn find_out(&self, proof: &Proof, reason: &str) -> Result<bool, Failure> {
        let deadline = Instant::now() + self.0.resolve_for;
        let unknown = || Failure::Unknown(reason.to_owned());
        let mut pause = Duration::from_millis(20);
        loop {
            match timeout_at(deadline, self.connection()).await.map_err(|_| unknown())? {
                Ok(conn) => {
                    let mut conn = ConnectionGuard::new(conn);
                    match timeout_at(deadline, was_committed(conn.get()?, proof)).await {
                        Ok(Ok(found)) => {
                            conn.give_back();
                            return Ok(found);
                        }
                        Ok(Err(error)) => tracing::debug!(%error, "cannot check yet whether the transaction committed; retrying"),
                        // The query may still acquire the row locks, so the connection must be closed.
                        Err(_) => return Err(unknown()),
                    }
                }
                Err(failure) => tracing::debug!(?failure, "cannot check yet whether the transaction committed; retrying"),
            }
            if Instant::now() + pause >= deadline {
                return Err(unknown());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    async fn connection(&self) -> Result<Connection, Failure> {
        checkout(&self.0.pool).await.map_err(|error| match error {
            DatabaseError::Busy(reason) => Failure::Busy(reason),
            other => Failure::Away(other.to_string()),
        })
    }
}

/// Ends a transaction: writes and commits, or rolls back if there is nothing to write.
pub(crate) async fn end(conn: &AsyncPgConnection, writes: Option<Writes>) -> QueryResult<()> {
    match writes {
        Some(writes) => execute::commit(conn, writes).await,
        None => execute::roll_back(conn).await,
    }
}

/// The way in which a transaction ended.
pub(crate) enum Ending {
    /// The server confirmed the end.
    Done,
    /// The transaction was not committed.
    Refused(Failure),
    /// There was no response.
    Lost(String),
}

/// The result of an attempt at a transaction.
pub(crate) enum Attempt {
    Committed(Vec<Outcome>),
    NotCommitted,
}

#[derive(Debug)]
pub(crate) enum Failure {
    Away(String),
    Busy(String),
    Data(String),
    Unknown(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match Fault::of(&error) {
            Fault::Unavailable => Self::Away(error.to_string()),
            Fault::Busy => Self::Busy(error.to_string()),
            Fault::Data => Self::Data(error.to_string()),
        }
    }
}

impl Failure {
    fn into_command_error(self) -> CommandError {
        match self {
            Self::Away(reason) => CommandError::Unavailable(reason),
            Self::Busy(reason) => CommandError::Busy(reason),
            Self::Data(reason) => CommandError::Failed(reason),
            Self::Unknown(reason) => CommandError::Unknown(reason),
        }
    }
}
