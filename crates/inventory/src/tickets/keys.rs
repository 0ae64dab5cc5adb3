//! The keys that sign codes of tickets, with sealed private keys. All times are those of the database server.

use std::time::Duration;

use diesel::OptionalExtension;
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_postgres::{DatabaseError, Pool, checkout, committed, statement};

/// Advisory lock that serializes the changes of ticket keys.
const TICKET_KEY_LOCK: i64 = 0x7469_636b_6574;

/// A key to insert.
#[derive(Clone)]
pub struct NewTicketKey {
    /// The thumbprint of the public key.
    pub kid: String,
    /// The 32 bytes of the public key.
    pub public_key: Vec<u8>,
    /// The sealed private key.
    pub sealed_key: String,
}

/// A stored key.
#[derive(Clone, diesel::Queryable)]
pub struct StoredTicketKey {
    /// The thumbprint of the public key.
    pub kid: String,
    /// The 32 bytes of the public key.
    pub public_key: Vec<u8>,
    /// The sealed private key.
    pub sealed_key: String,
    /// The time from which the key signs, unless a later one does.
    pub signs_from: Timestamp,
    /// Whether that time has come.
    pub may_sign: bool,
    /// The time at which the key was removed. `None`: the key is published, and its codes admit.
    pub removed_at: Option<Timestamp>,
}

/// The outcome of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRotation {
    /// This key is published, and signs from this time on.
    Scheduled {
        /// The thumbprint of the key.
        kid: String,
        /// The time from which it signs.
        signs_from: Timestamp,
    },
    /// Nothing was changed, because this key is published already and does not sign yet.
    Pending {
        /// The thumbprint of the key.
        kid: String,
        /// The time from which it signs.
        signs_from: Timestamp,
    },
}

/// The outcome of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRemoval {
    /// The key is no longer published.
    Removed,
    /// Nothing was changed, because the key signs.
    Signs,
    /// No published key has this thumbprint.
    NotFound,
}

statement! {
    /// Of several keys that may sign, the one whose time came last signs, so it is sorted first.
    struct AllKeys {} -> (Text, Binary, Text, Timestamptz, Bool, Nullable<Timestamptz>);
    "SELECT kid, public_key, sealed_key, signs_from, signs_from <= statement_timestamp(), removed_at FROM ticket_keys
      ORDER BY signs_from DESC, kid"
}

statement! {
    /// The lock is released at the end of the transaction.
    struct LockKeys { lock: BigInt = i64 }
    "SELECT pg_advisory_xact_lock($1)"
}

statement! {
    /// `now()` would be the start of the transaction, before the lock was acquired, hence `statement_timestamp()`.
    struct InsertKeyIfNoneSigns { kid: Text = String, public_key: Binary = Vec<u8>, sealed_key: Text = String }
    "INSERT INTO ticket_keys (kid, public_key, sealed_key, created_at, signs_from)
     SELECT $1, $2, $3, statement_timestamp(), statement_timestamp()
      WHERE NOT EXISTS (SELECT FROM ticket_keys WHERE removed_at IS NULL AND signs_from <= statement_timestamp())"
}

statement! {
    /// Returns the published key that does not sign yet.
    struct PendingKey {} -> (Text, Timestamptz);
    "SELECT kid, signs_from FROM ticket_keys WHERE removed_at IS NULL AND signs_from > statement_timestamp()
      ORDER BY signs_from DESC LIMIT 1"
}

statement! {
    struct ActivateKey { kid: Text = String } -> Timestamptz;
    "UPDATE ticket_keys SET signs_from = statement_timestamp() WHERE kid = $1 RETURNING signs_from"
}

statement! {
    struct InsertSuccessor { kid: Text = String, public_key: Binary = Vec<u8>, sealed_key: Text = String, ahead: BigInt = i64 }
        -> Timestamptz;
    "INSERT INTO ticket_keys (kid, public_key, sealed_key, created_at, signs_from)
     VALUES ($1, $2, $3, statement_timestamp(), statement_timestamp() + $4 * interval '1 second') RETURNING signs_from"
}

statement! {
    struct SigningKey {} -> Text;
    "SELECT kid FROM ticket_keys WHERE removed_at IS NULL AND signs_from <= statement_timestamp() ORDER BY signs_from DESC, kid LIMIT 1"
}

statement! {
    struct RemoveKey { kid: Text = String }
    "UPDATE ticket_keys SET removed_at = statement_timestamp() WHERE kid = $1 AND removed_at IS NULL"
}

/// Returns all keys, also those that were removed. Of those that may sign and are not removed, the first one signs.
pub async fn ticket_keys(conn: &mut AsyncPgConnection) -> QueryResult<Vec<StoredTicketKey>> {
    AllKeys {}.load(conn).await
}

/// Inserts a key that signs immediately, unless there is one that signs, and returns whether it did. If several replicas need the first
/// key at once, one of them inserts its key.
///
/// # Errors
///
/// After [`DatabaseError::OutcomeUnknown`] the key may have been inserted.
pub async fn insert_key_if_none_signs(pool: &Pool, key: NewTicketKey) -> Result<bool, DatabaseError> {
    let NewTicketKey { kid, public_key, sealed_key } = key;
    let inserted = committed(checkout(pool).await?, async |conn| {
        LockKeys { lock: TICKET_KEY_LOCK }.execute(conn).await?;
        InsertKeyIfNoneSigns { kid, public_key, sealed_key }.execute(conn).await
    });
    Ok(inserted.await? == 1)
}

/// Inserts a key that is published immediately and signs after `publish_ahead`, in whole seconds. While there is a published key that
/// does not sign yet, nothing is inserted: that key signs at once if `publish_ahead` is zero, and is unchanged otherwise.
///
/// # Errors
///
/// After [`DatabaseError::OutcomeUnknown`] the rotation may have taken effect.
pub async fn insert_successor(pool: &Pool, key: NewTicketKey, publish_ahead: Duration) -> Result<KeyRotation, DatabaseError> {
    let ahead = i64::try_from(publish_ahead.as_secs()).unwrap_or(i64::MAX);
    let rotated = committed(checkout(pool).await?, async |conn| {
        LockKeys { lock: TICKET_KEY_LOCK }.execute(conn).await?;
        let pending: Option<(String, Timestamp)> = PendingKey {}.get_result(conn).await.optional()?;
        match pending {
            Some((kid, _)) if ahead == 0 => {
                let signs_from = ActivateKey { kid: kid.clone() }.get_result(conn).await?;
                Ok(KeyRotation::Scheduled { kid, signs_from })
            }
            Some((kid, signs_from)) => Ok(KeyRotation::Pending { kid, signs_from }),
            None => {
                let NewTicketKey { kid, public_key, sealed_key } = key;
                let insert = InsertSuccessor { kid: kid.clone(), public_key, sealed_key, ahead };
                Ok(KeyRotation::Scheduled { kid, signs_from: insert.get_result(conn).await? })
            }
        }
    });
    Ok(rotated.await?)
}

/// Removes a key, so that it is no longer published and its codes admit nobody. The key that signs is not removed.
///
/// # Errors
///
/// After [`DatabaseError::OutcomeUnknown`] the key may have been removed.
pub async fn remove_key(pool: &Pool, kid: &str) -> Result<KeyRemoval, DatabaseError> {
    let removed = committed(checkout(pool).await?, async |conn| {
        LockKeys { lock: TICKET_KEY_LOCK }.execute(conn).await?;
        let signing: Option<String> = SigningKey {}.get_result(conn).await.optional()?;
        if signing.as_deref() == Some(kid) {
            return Ok(KeyRemoval::Signs);
        }
        let removed = RemoveKey { kid: kid.to_owned() }.execute(conn).await?;
        Ok(if removed == 1 { KeyRemoval::Removed } else { KeyRemoval::NotFound })
    });
    Ok(removed.await?)
}
