//! Database access to `deliveries` and `broadcasts`, and to the tables of webhooks.

mod broadcasts;
mod claim;
mod insert;
mod list;
mod maintain;
mod order;
mod pages;
#[cfg(test)]
mod plans;
mod settle;
pub(crate) mod webhooks;

use std::time::Duration;

use diesel::QueryResult;
use diesel::result::Error;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use rowlock_postgres::{Connection, DatabaseError, Pool, Reader, checkout, committed, statement};
use tokio::time::timeout;

pub(crate) use broadcasts::{BroadcastBacklog, NewReminder};
pub(crate) use insert::Inserted;
pub(crate) use list::{DeliveryPosition, ListedDelivery, list, resend, resend_to};
pub(crate) use maintain::Backlog;
pub(crate) use pages::{Page, Progress};

statement! {
    /// Returns whether there is a delivery, however many there are.
    struct AnyDelivery {} -> Bool;
    "SELECT EXISTS (SELECT FROM deliveries)"
}

/// Maximum number of rows that a statement changes or deletes of those that have accumulated, so that it stays within the time limit of
/// statements however many there are.
const BATCH: i64 = 5_000;

/// Returns whether a statement may have left rows for the next batch.
fn is_full(rows: usize) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows >= BATCH)
}

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

    /// Returns whether the database responds and has the table of deliveries.
    pub(crate) async fn is_available(&self) -> bool {
        self.reader().run(async |conn| AnyDelivery {}.get_result::<bool>(conn).await).await.is_ok()
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
