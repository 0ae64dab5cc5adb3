//! One transaction on a connection: how it is opened and ended, and how a lost COMMIT response is resolved.

use std::time::Duration;

use diesel::QueryResult;
use diesel::result::Error;
use diesel_async::AsyncPgConnection;
use rowlock_postgres::{Connection, ConnectionGuard, DatabaseError, Fault, checkout};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use crate::command::{Command, CommandError, CommandRequest, Outcome};
use crate::config::{LockWait, TransactionTimes};
use crate::execute::{self, BatchWrites, CommitMarker, LockedBatch, was_committed};
use crate::inventory::Inventory;

/// A transaction that is open on a connection.
pub(crate) struct OpenTransaction {
    pub(crate) conn: ConnectionGuard,
    pub(crate) batch: LockedBatch,
    /// The time from the start until the rows were locked and read.
    pub(crate) lock: Duration,
}

/// The way in which a transaction ended.
pub(crate) enum TransactionEnd {
    /// The server confirmed the end.
    Confirmed,
    /// The transaction was not committed.
    Rejected(TransactionError),
    /// There was no response.
    Lost(String),
}

/// The result of an attempt at a transaction.
pub(crate) enum AttemptResult {
    Committed(Vec<Outcome>),
    NotCommitted,
}

#[derive(Debug)]
pub(crate) enum TransactionError {
    Unavailable(String),
    Busy(String),
    Data(String),
    Unknown(String),
}

impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        match Fault::of(&error) {
            Fault::Unavailable => Self::Unavailable(error.to_string()),
            Fault::Busy => Self::Busy(error.to_string()),
            Fault::Data => Self::Data(error.to_string()),
        }
    }
}

impl TransactionError {
    pub(crate) fn into_command_error(self) -> CommandError {
        match self {
            Self::Unavailable(reason) => CommandError::Unavailable(reason),
            Self::Busy(reason) => CommandError::Busy(reason),
            Self::Data(reason) => CommandError::Failed(reason),
            Self::Unknown(reason) => CommandError::Unknown(reason),
        }
    }
}

/// Ends a transaction: writes and commits, or rolls back if there is nothing to write.
pub(crate) async fn end_transaction(conn: &AsyncPgConnection, writes: Option<BatchWrites>) -> QueryResult<()> {
    match writes {
        Some(writes) => execute::commit(conn, writes).await,
        None => execute::roll_back(conn).await,
    }
}

impl Inventory {
    /// Checks out a connection, starts a transaction and locks the rows.
    pub(crate) async fn open_transaction<R: CommandRequest>(
        &self,
        requests: &[R],
        wait: LockWait,
    ) -> Result<OpenTransaction, TransactionError> {
        let config = self.config();
        let mut conn = ConnectionGuard::new(self.connection().await?);
        let commands: Vec<&Command> = requests.iter().map(CommandRequest::command).collect();
        let started_at = Instant::now();
        let opening = execute::begin_batch(conn.get()?, &commands, &[], wait, config.new_id.clone());
        let batch = timeout(config.response_timeout, opening).await.map_err(|_| self.response_timeout_error())??;
        Ok(OpenTransaction { conn, batch, lock: started_at.elapsed() })
    }

    pub(crate) fn response_timeout_error(&self) -> TransactionError {
        TransactionError::Unavailable(format!("the database did not respond within {:?}", self.config().response_timeout))
    }

    /// Calls the hooks after a transaction that wrote something was committed.
    pub(crate) fn notify_committed(&self, marker: Option<&CommitMarker>, times: TransactionTimes) {
        if let Some(marker) = marker {
            (self.config().on_transaction)(times);
            (self.config().on_messages)(marker.urgency);
        }
    }

    /// Interprets the response to the last statements of a transaction.
    pub(crate) fn classify_end(&self, ended: Result<QueryResult<()>, Elapsed>) -> TransactionEnd {
        match ended {
            Ok(Ok(())) => TransactionEnd::Confirmed,
            Ok(Err(error)) => match Fault::of(&error) {
                // If the database has rejected the statements, it has not committed the transaction.
                Fault::Data | Fault::Busy => TransactionEnd::Rejected(error.into()),
                Fault::Unavailable => TransactionEnd::Lost(error.to_string()),
            },
            Err(_) => TransactionEnd::Lost(format!("the database did not respond within {:?}", self.config().response_timeout)),
        }
    }

    /// Resolves the result of a transaction whose end was not confirmed.
    pub(crate) async fn resolve_end(
        &self,
        ending: TransactionEnd,
        marker: Option<CommitMarker>,
        outcomes: Vec<Outcome>,
    ) -> Result<AttemptResult, TransactionError> {
        match (ending, marker) {
            // The transaction had nothing to write, so nothing is lost.
            (_, None) | (TransactionEnd::Confirmed, _) => Ok(AttemptResult::Committed(outcomes)),
            (TransactionEnd::Rejected(failure), _) => Err(failure),
            (TransactionEnd::Lost(reason), Some(marker)) => {
                tracing::warn!(%reason, "the response to a COMMIT was lost; checking whether the transaction committed");
                if !self.resolve_lost_commit(&marker, &reason).await? {
                    return Ok(AttemptResult::NotCommitted);
                }
                (self.config().on_messages)(marker.urgency);
                Ok(AttemptResult::Committed(outcomes))
            }
        }
    }

    async fn resolve_lost_commit(&self, marker: &CommitMarker, reason: &str) -> Result<bool, TransactionError> {
        let deadline = Instant::now() + self.config().resolve_timeout;
        let unknown = || TransactionError::Unknown(reason.to_owned());
        let mut pause = Duration::from_millis(20);
        loop {
            match timeout_at(deadline, self.connection()).await.map_err(|_| unknown())? {
                Ok(conn) => {
                    let mut conn = ConnectionGuard::new(conn);
                    match timeout_at(deadline, was_committed(conn.get()?, marker)).await {
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

    async fn connection(&self) -> Result<Connection, TransactionError> {
        checkout(&self.config().pool).await.map_err(|error| match error {
            DatabaseError::Busy(reason) => TransactionError::Busy(reason),
            other => TransactionError::Unavailable(other.to_string()),
        })
    }
}
