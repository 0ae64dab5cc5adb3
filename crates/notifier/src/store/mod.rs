//! Database access to `deliveries` and `broadcasts`, and to the tables of webhooks.

mod broadcasts;
mod claim;
mod insert;
mod list;
mod maintain;
mod order;
mod pages;
mod settle;
pub(crate) mod webhooks;

use std::time::Duration;

use diesel::QueryResult;
use diesel::result::Error;
use rowlock_postgres::{Connection, DatabaseError, Pool, Reader, checkout, committed};
use tokio::time::timeout;

pub(crate) use broadcasts::{BroadcastBacklog, NewReminder};
pub(crate) use insert::Inserted;
pub(crate) use list::{ListedDelivery, list, resend};
pub(crate) use maintain::Backlog;
pub(crate) use pages::{Page, Progress};

/// Reads and writes the tables. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Store {
    pool: Pool,
    response_timeout: Duration,
}

impl Store {
    pub(crate) const fn new(pool: Pool, response_timeout: Duration) -> Self {
        Self { pool, response_timeout }
    }

    /// Runs `write` in a transaction and returns after its commit. If this is cancelled, the connection is closed, which rolls the
    /// transaction back.
    async fn write<T>(&self, write: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, DatabaseError> {
        let conn = checkout(&self.pool).await?;
        let limit = self.response_timeout;
        let silent = || DatabaseError::OutcomeUnknown(format!("the server did not respond within {limit:?}"));
        timeout(limit, committed(conn, write)).await.map_err(|_| silent())?.map_err(DatabaseError::from)
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.pool.clone(), self.response_timeout)
    }

    /// Returns whether the database responds.
    pub(crate) async fn is_available(&self) -> bool {
        self.backlog().await.is_ok()
    }
}

/// Converts a number of the database that is never negative.
fn unsigned(number: i32) -> Result<u32, Error> {
    u32::try_from(number).map_err(|error| Error::DeserializationError(error.into()))
}

/// Returns a duration in milliseconds for a statement.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
