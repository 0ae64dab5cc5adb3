//! Database access of `auth-service`. This module knows nothing about HTTP. Every change is a single transaction, which a
//! disconnecting client cannot leave half done and which is committed before the response is sent.

mod accounts;
mod closing;
mod idempotency;
mod keys;
mod messages;
mod sessions;
mod signing_keys;

use rowlock_postgres::{Connection, DatabaseError, Pool, checkout};

pub(crate) use accounts::{Account, Admission, InsertError, NewAccount};
pub(crate) use closing::Closing;
pub(crate) use messages::Messages;
pub(crate) use sessions::{LiveSession, Presented, Rotation, StoredSession};
pub(crate) use signing_keys::{NewSigningKey, Rotated, ServedUntil, StoredKey, SuccessorTimes};

/// Runs the queries of this service on connections of a pool.
#[derive(Clone)]
pub(crate) struct Store {
    pool: Pool,
}

impl Store {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    async fn conn(&self) -> Result<Connection, DatabaseError> {
        checkout(&self.pool).await
    }
}
