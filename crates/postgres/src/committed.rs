//! Writes that are told of when they are committed, and not before.
//!
//! PostgreSQL executes a statement that runs by itself, sends its rows, and commits it after that, at the Sync of the
//! extended protocol («Message Flow» in its documentation). diesel's `get_result` is content with the first row. What lies
//! between can go wrong: a server that is stopped at once sends the rows that it has ready, of a statement that it will
//! never commit; a constraint that is checked at the commit fails. `execute` reads on to the end, but that is a matter of
//! the driver. An explicit COMMIT is answered when it has taken place.
//! So whatever is promised to somebody, or acknowledged, after a write is written with [`committed`].

use std::fmt;

use diesel::QueryResult;
use diesel::result::Error;
use diesel_async::{AnsiTransactionManager, TransactionManager};

use crate::{Connection, DatabaseError, Fault};

/// A connection that is closed, which takes back what it has open, unless it is given back to its pool. So nobody who goes
/// away half-way leaves a transaction open.
pub struct Lent(Option<Connection>);

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

impl Lent {
    /// Takes a connection of a pool.
    pub const fn new(conn: Connection) -> Self {
        Self(Some(conn))
    }

    /// The connection.
    pub fn get(&mut self) -> QueryResult<&mut Connection> {
        self.0.as_mut().ok_or(Error::BrokenTransactionManager)
    }

    /// Gives it back; nothing is open on it.
    pub fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        drop(self.0.take().map(Connection::take));
    }
}

/// Why a write was not reported as committed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The transaction was not committed.
    #[error(transparent)]
    NotWritten(#[from] Error),
    /// The connection was lost after COMMIT was sent, so the transaction may have been committed.
    #[error("the connection was lost during COMMIT: {0}")]
    Unknown(Error),
}

impl From<WriteError> for DatabaseError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotWritten(error) => error.into(),
            WriteError::Unknown(error) => Self::Unknown(error.to_string()),
        }
    }
}

/// Runs a write in a transaction and returns its result when it is committed. A connection that is lost during COMMIT is
/// [`WriteError::Unknown`]; after any other error nothing was written.
pub async fn committed<T>(conn: Connection, write: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, WriteError> {
    let mut lent = Lent::new(conn);
    let conn = lent.get()?;
    AnsiTransactionManager::begin_transaction(&mut **conn).await?;
    let written = match write(conn).await {
        Ok(written) => written,
        Err(error) => {
            if AnsiTransactionManager::rollback_transaction(&mut **conn).await.is_ok() {
                lent.give_back();
            }
            return Err(error.into());
        }
    };
    AnsiTransactionManager::commit_transaction(&mut **conn).await.map_err(|error| match Fault::of(&error) {
        Fault::Unavailable => WriteError::Unknown(error),
        Fault::Busy | Fault::Data => WriteError::NotWritten(error),
    })?;
    lent.give_back();
    Ok(written)
}
