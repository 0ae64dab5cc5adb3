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

use crate::Connection;

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

/// Runs a write in a transaction and returns when it is committed. If the connection is lost on the way, the error leaves
/// open whether it was.
pub async fn committed<T>(conn: Connection, write: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> QueryResult<T> {
    let mut lent = Lent::new(conn);
    let conn = lent.get()?;
    AnsiTransactionManager::begin_transaction(&mut **conn).await?;
    let written = match write(conn).await {
        Ok(written) => written,
        Err(error) => {
            if AnsiTransactionManager::rollback_transaction(&mut **conn).await.is_ok() {
                lent.give_back();
            }
            return Err(error);
        }
    };
    AnsiTransactionManager::commit_transaction(&mut **conn).await?;
    lent.give_back();
    Ok(written)
}
