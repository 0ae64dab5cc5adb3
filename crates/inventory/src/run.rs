//! Running commands: a connection, a transaction in a task of its own, and the truth about lost answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel::result::Error;
use rowlock_domain::ids::EventId;
use rowlock_postgres::{Connection, DatabaseError, Fault, Lent, Pool, checkout};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use crate::command::{Answer, CommandError, Outcome, Traced};
use crate::execute::{Context, LockWait, Prepared, Proof, commit, prepare, was_committed};

/// Turns an outcome into the answer that is kept for a repeated request; `None` for what is not kept.
pub type Render = dyn Fn(&Outcome) -> Option<Answer> + Send + Sync;

/// How long the two round trips of a transaction took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionTimes {
    /// Until the rows were locked, which is what others make it wait for, and read.
    pub lock: Duration,
    /// Until what was written was committed.
    pub commit: Duration,
}

/// What an [`Inventory`] is made of.
pub struct InventoryParts {
    /// Connections to the booking database.
    pub pool: Pool,
    /// Makes UUIDv7s.
    pub new_id: Arc<dyn Fn() -> Uuid + Send + Sync>,
    /// Writes the answers that are kept.
    pub render: Arc<Render>,
    /// Called after a commit that wrote messages. Must not block.
    pub on_messages: Arc<dyn Fn() + Send + Sync>,
    /// Called after a transaction that wrote something, with the time that it took. Must not block.
    pub on_transaction: Arc<dyn Fn(TransactionTimes) + Send + Sync>,
    /// The `source` of the messages.
    pub source: &'static str,
    /// How long to wait for the answers to a transaction's statements, and to its COMMIT, before giving the connection up.
    /// Longer than the limits that the server keeps by itself: it is for servers that say nothing any more.
    pub patience: Duration,
    /// How long to look for the truth about a lost answer before saying that it is unknown.
    pub resolve_for: Duration,
    /// Whether each transaction keeps to one event, as it must where the tables are distributed by event: there a lock has to
    /// name its event.
    pub one_event_per_transaction: bool,
}

/// The box office. Cheap to clone.
#[derive(Clone)]
pub struct Inventory(Arc<InventoryParts>);

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory").field("source", &self.0.source).finish_non_exhaustive()
    }
}

type Answers = Vec<Result<Outcome, CommandError>>;

impl Inventory {
    /// Puts the parts together.
    pub fn new(parts: InventoryParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The connections.
    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// Runs commands in one transaction, or in one for each event if the parts say so, and tells what came of each. A
    /// transaction runs in a task of its own, so a caller that goes away cannot leave it half-way with its locks held.
    pub async fn run(&self, commands: Vec<impl Into<Traced>>, wait: LockWait) -> Answers {
        let commands: Vec<Traced> = commands.into_iter().map(Into::into).collect();
        if self.0.one_event_per_transaction { self.run_by_event(commands, wait).await } else { self.run_together(commands, wait).await }
    }

    /// One transaction after the other, each with the commands of one event in their order.
    async fn run_by_event(&self, commands: Vec<Traced>, wait: LockWait) -> Answers {
        let mut answers = vec![Err(CommandError::Failed("no outcome".to_owned())); commands.len()];
        let mut by_event: BTreeMap<EventId, (Vec<usize>, Vec<Traced>)> = BTreeMap::new();
        for (index, command) in commands.into_iter().enumerate() {
            let (places, commands) = by_event.entry(command.command.event()).or_default();
            places.push(index);
            commands.push(command);
        }
        for (places, commands) in by_event.into_values() {
            for (index, answer) in places.into_iter().zip(self.run_together(commands, wait).await) {
                if let Some(place) = answers.get_mut(index) {
                    *place = answer;
                }
            }
        }
        answers
    }

    async fn run_together(&self, commands: Vec<Traced>, wait: LockWait) -> Answers {
        let count = commands.len();
        if count == 0 {
            return Vec::new();
        }
        let this = self.clone();
        match tokio::spawn(async move { this.run_here(&commands, wait).await }).await {
            Ok(answers) => answers,
            Err(error) => vec![Err(CommandError::Unknown(error.to_string())); count],
        }
    }

    /// Runs a single command, waiting for its rows.
    pub async fn run_one(&self, command: impl Into<Traced>) -> Result<Outcome, CommandError> {
        self.run(vec![command], LockWait::Wait).await.pop().unwrap_or_else(|| Err(CommandError::Failed("no outcome".to_owned())))
    }

    async fn run_here(&self, commands: &[Traced], wait: LockWait) -> Answers {
        let all: Vec<&Traced> = commands.iter().collect();
        match self.attempt(&all, wait).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            // One bad command must not fail its neighbours, and a key that was taken meanwhile has an answer by now.
            Err(Failure::Data(error)) => {
                tracing::warn!(%error, commands = all.len(), "a batch was refused by the database; trying its commands one by one");
                let mut answers = Vec::with_capacity(all.len());
                for command in all {
                    answers.push(self.run_alone(command, wait).await);
                }
                answers
            }
            Err(failure) => vec![Err(failure.into_command_error()); commands.len()],
        }
    }

    async fn run_alone(&self, command: &Traced, wait: LockWait) -> Result<Outcome, CommandError> {
        let outcomes = self.attempt(&[command], wait).await.map_err(Failure::into_command_error)?;
        outcomes.into_iter().next().ok_or_else(|| CommandError::Failed("no outcome".to_owned()))
    }

    /// One transaction, and if the answer to its COMMIT is lost, the search for the truth. What was found not to have
    /// taken place is done again, once.
    async fn attempt(&self, commands: &[&Traced], wait: LockWait) -> Result<Vec<Outcome>, Failure> {
        match self.once(commands, wait).await? {
            Attempt::Committed(outcomes) => Ok(outcomes),
            Attempt::NotCommitted => match self.once(commands, wait).await? {
                Attempt::Committed(outcomes) => Ok(outcomes),
                Attempt::NotCommitted => Err(Failure::Away("the connection was lost twice before a commit took place".to_owned())),
            },
        }
    }

    async fn once(&self, commands: &[&Traced], wait: LockWait) -> Result<Attempt, Failure> {
        let parts = &*self.0;
        let mut conn = Lent::new(self.connection().await?);
        let context = Context { new_id: &*parts.new_id, render: &*parts.render, source: parts.source };
        let begun = Instant::now();
        let Ok(prepared) = timeout(parts.patience, prepare(conn.get()?, commands, wait, context)).await else {
            return Err(Failure::Away(format!("no answer within {:?}", parts.patience)));
        };
        let Prepared { outcomes, writes } = prepared?;
        let Some(writes) = writes else {
            conn.give_back();
            return Ok(Attempt::Committed(outcomes));
        };
        let proof = writes.proof.clone();
        let locked = Instant::now();
        let lost = match timeout(parts.patience, commit(conn.get()?, writes)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => match Fault::of(&error) {
                // What the database has refused, it has not committed.
                Fault::Data | Fault::Busy => return Err(error.into()),
                Fault::Unavailable => Some(error.to_string()),
            },
            Err(_) => Some(format!("no answer within {:?}", parts.patience)),
        };
        if let Some(reason) = lost {
            tracing::warn!(%reason, "the answer to a COMMIT was lost; looking whether it took place");
            drop(conn);
            if !self.find_out(&proof, &reason).await? {
                return Ok(Attempt::NotCommitted);
            }
        } else {
            conn.give_back();
        }
        (parts.on_transaction)(TransactionTimes { lock: locked - begun, commit: locked.elapsed() });
        (parts.on_messages)();
        Ok(Attempt::Committed(outcomes))
    }

    async fn find_out(&self, proof: &Proof, reason: &str) -> Result<bool, Failure> {
        let deadline = Instant::now() + self.0.resolve_for;
        let unknown = || Failure::Unknown(reason.to_owned());
        let mut pause = Duration::from_millis(20);
        loop {
            match timeout_at(deadline, self.connection()).await.map_err(|_| unknown())? {
                Ok(conn) => {
                    let mut conn = Lent::new(conn);
                    match timeout_at(deadline, was_committed(conn.get()?, proof)).await {
                        Ok(Ok(found)) => {
                            conn.give_back();
                            return Ok(found);
                        }
                        Ok(Err(error)) => tracing::debug!(%error, "could not look yet"),
                        // It may get the rows' locks yet, and must not keep them.
                        Err(_) => return Err(unknown()),
                    }
                }
                Err(failure) => tracing::debug!(?failure, "could not look yet"),
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

enum Attempt {
    Committed(Vec<Outcome>),
    NotCommitted,
}

#[derive(Debug)]
enum Failure {
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
