//! Database access of `auth-service`. This module knows nothing about HTTP. Every change is a single transaction, which a
//! disconnecting client cannot leave half done and which is committed before the response is sent.

mod account_changes;
mod accounts;
mod idempotency;
mod link_list;
mod links;
mod messages;
mod new_account;
mod profile;
mod second_factor;
mod session_lists;
mod sessions;
mod signing_keys;
mod uniqueness_keys;

use rowlock_postgres::{Connection, DatabaseError, Pool, checkout};

pub(crate) use account_changes::AccountTransition;
pub(crate) use accounts::Account;
pub(crate) use link_list::SentLink;
pub(crate) use links::{EmailChange, LinkKind, NewLink, PasswordReset, StoredLink};
pub(crate) use messages::Messages;
pub(crate) use new_account::{InsertError, NewAccount, RoleGrant};
pub(crate) use profile::{PasswordChange, ProfileChange};
pub(crate) use second_factor::{FirstCode, SecondFactorProof, StoredTotp};
pub(crate) use session_lists::{LiveSession, StoredSession};
pub(crate) use sessions::{NewSession, OpenedSession, RefreshOutcome, RefreshTokenClaims};
pub(crate) use signing_keys::{KeyRotation, NewSigningKey, RetiringKey, StoredKey, SuccessorSchedule};

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
