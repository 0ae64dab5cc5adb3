//! Writes whose result is returned only after PostgreSQL has acknowledged the COMMIT.
//!
//! PostgreSQL sends the rows of a single statement before it commits that statement, which happens at the Sync message of
//! the extended protocol (see "Message Flow" in its documentation), and diesel's `get_result` returns after the first row.
//! The commit can still fail after that: during an immediate shutdown the server may have sent the rows of a statement
//! that it never commits, and a deferred constraint is only checked at commit. `execute` does read to the end, but only
//! because the driver happens to. The response to an explicit COMMIT, in contrast, arrives after the commit.
//!
//! Every write that is followed by a success response or an acknowledgement therefore goes through [`committed`].

use std::fmt;

use diesel::QueryResult;
use diesel::result::Error;
use diesel_async::{AnsiTransactionManager, TransactionManager};

use crate::{Connection, DatabaseError, Fault};

/// Guard around a pooled connection. Dropping it closes the connection, which rolls back any open transaction;
/// [`give_back`](Self::give_back) returns it to the pool. A cancelled future therefore cannot leave a transaction open.
pub struct ConnectionGuard(Option<Connection>);

impl fmt::Debug for ConnectionGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionGuard").finish_non_exhaustive()
    }
}

impl ConnectionGuard {
    /// Wraps a connection that was checked out of a pool.
    pub const fn new(conn: Connection) -> Self {
        Self(Some(conn))
    }

    /// Returns the connection.
    pub fn get(&mut self) -> QueryResult<&mut Connection> {
        self.0.as_mut().ok_or(Error::BrokenTransactionManager)
    }

    /// Returns the connection to its pool. The caller must have ended every transaction on it.
    pub fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        drop(self.0.take().map(Connection::take));
    }
}

/// The reason why a write was not reported as committed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The transaction was not committed, so nothing was written.
    #[error(transparent)]
    NotCommitted(#[from] Error),
    /// The connection was lost after COMMIT was sent, so the transaction may have been committed.
    #[error("the connection was lost during COMMIT: {0}")]
    OutcomeUnknown(Error),
}

impl From<WriteError> for DatabaseError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotCommitted(error) => error.into(),
            WriteError::OutcomeUnknown(error) => Self::OutcomeUnknown(error.to_string()),
        }
    }
}

/// Runs `write` in a transaction of its own and returns its result once the transaction is committed.
///
/// # Errors
///
/// Returns [`WriteError::OutcomeUnknown`] if the connection is lost during COMMIT. After any other error nothing was
/// written.
pub async fn committed<T>(conn: Connection, write: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, WriteError> {
    let mut guard = ConnectionGuard::new(conn);
    let conn = guard.get()?;
    AnsiTransactionManager::begin_transaction(&mut **conn).await?;
    let written = match write(conn).await {
        Ok(written) => written,
        Err(error) => {
            if AnsiTransactionManager::rollback_transaction(&mut **conn).await.is_ok() {
                guard.give_back();
            }
            return Err(error.into());
        }
    };
    AnsiTransactionManager::commit_transaction(&mut **conn).await.map_err(|error| match Fault::of(&error) {
        Fault::Unavailable => WriteError::OutcomeUnknown(error),
        Fault::Busy | Fault::Data => WriteError::NotCommitted(error),
    })?;
    guard.give_back();
    Ok(written)
}
