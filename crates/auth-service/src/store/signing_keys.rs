//! Signing keys in the database, with encrypted private keys. All times are those of the database server.

use chrono::TimeDelta;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Bool, Text, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_postgres::{DatabaseError, statement};

use super::Store;

/// Advisory lock that serializes the creation of signing keys.
const SIGNING_KEY_LOCK: i64 = 0x6b65_7973;

/// A key to insert.
#[derive(Clone)]
pub(crate) struct NewSigningKey {
    pub(crate) kid: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) encrypted_private_key: Vec<u8>,
}

/// A published key.
#[derive(Clone, diesel::Queryable)]
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) encrypted_private_key: Vec<u8>,
    /// Whether the key may sign already.
    pub(crate) signs: bool,
}

/// Times of a key that succeeds the current ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SuccessorSchedule {
    /// How long the new key is published before it signs.
    pub(crate) publish_ahead: TimeDelta,
    /// How long the older keys stay published after the new one has started to sign.
    pub(crate) keep_published: TimeDelta,
}

/// A key that stays published until a known time.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable)]
pub(crate) struct RetiringKey {
    pub(crate) kid: String,
    pub(crate) until: Timestamp,
}

/// Outcome of a key rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyRotation {
    /// The key was added, and the older ones have an end.
    Added { kid: String, signs_from: Timestamp, before: Vec<RetiringKey> },
    /// Nothing was changed, because there already is a key that does not sign yet.
    Pending { kid: String, signs_from: Timestamp },
}

statement! {
    /// Of several keys that may sign, the one whose time came last signs, so it is sorted first.
    struct PublishedKeys {} -> (Text, Binary, Binary, Bool);
    "SELECT kid, public_key, private_key, signs_from <= now() FROM signing_keys
     WHERE retired_at IS NULL OR retired_at > now()
     ORDER BY signs_from DESC, kid"
}

statement! {
    /// The lock is released at the end of the transaction.
    struct LockKeys { lock: BigInt = i64 }
    "SELECT pg_advisory_xact_lock($1)"
}

statement! {
    /// Inserts a key that signs immediately, unless a key signs. `now()` would be the start of the transaction, before the lock
    /// was acquired, hence `statement_timestamp()`.
    struct InsertKeyIfNoneSigns { kid: Text = String, public_key: Binary = Vec<u8>, private_key: Binary = Vec<u8> }
    "INSERT INTO signing_keys (kid, public_key, private_key, created_at, signs_from)
     SELECT $1, $2, $3, statement_timestamp(), statement_timestamp()
     WHERE NOT EXISTS (
         SELECT FROM signing_keys
         WHERE signs_from <= statement_timestamp() AND (retired_at IS NULL OR retired_at > statement_timestamp())
     )"
}

statement! {
    /// Returns the published key that does not sign yet.
    struct PendingKey {} -> (Text, Timestamptz);
    "SELECT kid, signs_from FROM signing_keys
     WHERE signs_from > statement_timestamp() AND (retired_at IS NULL OR retired_at > statement_timestamp())
     ORDER BY signs_from DESC LIMIT 1"
}

statement! {
    /// Inserts a key that signs later. `now()` would be the start of the transaction, before the lock was acquired, hence
    /// `statement_timestamp()`.
    struct InsertSuccessor { kid: Text = String, public_key: Binary = Vec<u8>, private_key: Binary = Vec<u8>, ahead: BigInt = i64 }
    -> (Timestamptz,);
    "INSERT INTO signing_keys (kid, public_key, private_key, created_at, signs_from)
     VALUES ($1, $2, $3, statement_timestamp(), statement_timestamp() + $4 * interval '1 second')
     RETURNING signs_from"
}

statement! {
    /// Keys that already have an end keep it.
    struct RetireBefore { signs_from: Timestamptz = Timestamp, keep_published: BigInt = i64, kid: Text = String }
    "UPDATE signing_keys SET retired_at = $1 + $2 * interval '1 second' WHERE kid <> $3 AND retired_at IS NULL"
}

statement! {
    /// Returns the published keys that have an end.
    struct RetiringKeys {} -> (Text, Timestamptz);
    "SELECT kid, retired_at FROM signing_keys WHERE retired_at > statement_timestamp() ORDER BY retired_at, kid"
}

impl Store {
    /// Returns all published keys. The first one with `signs` set is the current signing key.
    pub(crate) async fn published_keys(&self) -> Result<Vec<StoredKey>, DatabaseError> {
        let mut conn = self.conn().await?;
        Ok(PublishedKeys {}.load(&mut conn).await?)
    }

    /// Inserts a key that signs immediately, unless there is one that signs, and returns whether it did. If several replicas
    /// start together, one of them inserts its key. Called only in background tasks, which are not cancelled half-way.
    pub(crate) async fn insert_key_if_none_signs(&self, key: NewSigningKey) -> Result<bool, DatabaseError> {
        let mut conn = self.conn().await?;
        let insert = InsertKeyIfNoneSigns { kid: key.kid, public_key: key.public_key, private_key: key.encrypted_private_key };
        let inserted = conn
            .transaction(async |conn| {
                LockKeys { lock: SIGNING_KEY_LOCK }.execute(conn).await?;
                insert.execute(conn).await
            })
            .await
            .map_err(|error: diesel::result::Error| DatabaseError::from(error))?;
        Ok(inserted == 1)
    }

    /// Inserts a key that signs later, and sets the end of the older ones. Changes nothing while there is a published key that
    /// does not sign yet, so that one of several concurrent rotations takes effect.
    pub(crate) async fn insert_successor(&self, key: NewSigningKey, times: SuccessorSchedule) -> Result<KeyRotation, DatabaseError> {
        let mut conn = self.conn().await?;
        let rotated = conn
            .transaction(async |conn| {
                LockKeys { lock: SIGNING_KEY_LOCK }.execute(conn).await?;
                let pending = PendingKey {}.get_result(conn).await.optional()?;
                if let Some((kid, signs_from)) = pending {
                    return Ok(KeyRotation::Pending { kid, signs_from });
                }
                let NewSigningKey { kid, public_key, encrypted_private_key } = key;
                let ahead = times.publish_ahead.num_seconds();
                let insert = InsertSuccessor { kid: kid.clone(), public_key, private_key: encrypted_private_key, ahead };
                let (signs_from,): (Timestamp,) = insert.get_result(conn).await?;
                let keep_published = times.keep_published.num_seconds();
                RetireBefore { signs_from, keep_published, kid: kid.clone() }.execute(conn).await?;
                let before = RetiringKeys {}.load(conn).await?;
                Ok(KeyRotation::Added { kid, signs_from, before })
            })
            .await
            .map_err(|error: diesel::result::Error| DatabaseError::from(error))?;
        Ok(rotated)
    }
}
