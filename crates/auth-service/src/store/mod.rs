//! The database of `auth-service`. Nothing here knows HTTP; every change is a transaction that no client can leave
//! half-way, and that is committed before anybody is told of it.

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

/// Access to the database.
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
