//! Signing keys, as the database keeps them: the private half encrypted. All times are the database's.

use chrono::TimeDelta;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Bool, Text, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_postgres::{DatabaseError, statement};

use super::Store;

/// One number for all who look whether a signing key is to be made.
const SIGNING_KEY_LOCK: i64 = 0x6b65_7973;

/// A key to be stored.
#[derive(Clone)]
pub(crate) struct NewSigningKey {
    pub(crate) kid: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) sealed_private_key: Vec<u8>,
}

/// A published key.
#[derive(Clone, diesel::Queryable)]
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) sealed_private_key: Vec<u8>,
    /// Whether its time to sign has come.
    pub(crate) signs: bool,
}

/// When a key follows those before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SuccessorTimes {
    /// How long it is public before it signs.
    pub(crate) publish_ahead: TimeDelta,
    /// How long those before it are public after it signs.
    pub(crate) served_after: TimeDelta,
}

/// A key that is served for some time yet.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable)]
pub(crate) struct ServedUntil {
    pub(crate) kid: String,
    pub(crate) until: Timestamp,
}

/// What became of the wish for a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rotated {
    /// It is there, and those before it end one day.
    Added { kid: String, signs_from: Timestamp, before: Vec<ServedUntil> },
    /// There is one that does not sign yet.
    Pending { kid: String, signs_from: Timestamp },
}

statement! {
    /// A later key takes over when its time has come, so the latest comes first.
    struct PublishedKeys {} -> (Text, Binary, Binary, Bool);
    "SELECT kid, public_key, private_key, signs_from <= now() FROM signing_keys
     WHERE retired_at IS NULL OR retired_at > now()
     ORDER BY signs_from DESC, kid"
}

statement! {
    /// Ends with the transaction.
    struct LockKeys { lock: BigInt = i64 }
    "SELECT pg_advisory_xact_lock($1)"
}

statement! {
    /// A key that signs at once, if no key does. The time is the statement's: the transaction's is from before the lock.
    struct InsertKeyIfNoneSigns { kid: Text = String, public_key: Binary = Vec<u8>, private_key: Binary = Vec<u8> }
    "INSERT INTO signing_keys (kid, public_key, private_key, created_at, signs_from)
     SELECT $1, $2, $3, statement_timestamp(), statement_timestamp()
     WHERE NOT EXISTS (
         SELECT FROM signing_keys
         WHERE signs_from <= statement_timestamp() AND (retired_at IS NULL OR retired_at > statement_timestamp())
     )"
}

statement! {
    /// The key that is public and does not sign yet.
    struct PendingKey {} -> (Text, Timestamptz);
    "SELECT kid, signs_from FROM signing_keys
     WHERE signs_from > statement_timestamp() AND (retired_at IS NULL OR retired_at > statement_timestamp())
     ORDER BY signs_from DESC LIMIT 1"
}

statement! {
    /// A key that signs later. The time is the statement's: the transaction's is from before the lock.
    struct InsertSuccessor { kid: Text = String, public_key: Binary = Vec<u8>, private_key: Binary = Vec<u8>, ahead: BigInt = i64 }
    -> (Timestamptz,);
    "INSERT INTO signing_keys (kid, public_key, private_key, created_at, signs_from)
     VALUES ($1, $2, $3, statement_timestamp(), statement_timestamp() + $4 * interval '1 second')
     RETURNING signs_from"
}

statement! {
    /// Those that were to end already keep their time.
    struct RetireBefore { signs_from: Timestamptz = Timestamp, served_after: BigInt = i64, kid: Text = String }
    "UPDATE signing_keys SET retired_at = $1 + $2 * interval '1 second' WHERE kid <> $3 AND retired_at IS NULL"
}

statement! {
    /// The keys that are public and will not be one day.
    struct ServedUntilThen {} -> (Text, Timestamptz);
    "SELECT kid, retired_at FROM signing_keys WHERE retired_at > statement_timestamp() ORDER BY retired_at, kid"
}

impl Store {
    /// All keys that are public. The first that signs is the one to sign with.
    pub(crate) async fn published_keys(&self) -> Result<Vec<StoredKey>, DatabaseError> {
        let mut conn = self.conn().await?;
        Ok(PublishedKeys {}.load(&mut conn).await?)
    }

    /// Stores a key that signs at once, unless there is one that signs: of many replicas that start together, one makes it.
    /// Runs in background tasks only, where nobody drops it half-way.
    pub(crate) async fn insert_key_if_none_signs(&self, key: NewSigningKey) -> Result<bool, DatabaseError> {
        let mut conn = self.conn().await?;
        let insert = InsertKeyIfNoneSigns { kid: key.kid, public_key: key.public_key, private_key: key.sealed_private_key };
        let inserted = conn
            .transaction(async |conn| {
                LockKeys { lock: SIGNING_KEY_LOCK }.execute(conn).await?;
                insert.execute(conn).await
            })
            .await
            .map_err(|error: diesel::result::Error| DatabaseError::from(error))?;
        Ok(inserted == 1)
    }

    /// Stores a key that signs later, and says when those before it end. Nothing is changed while a key is public that does
    /// not sign yet: of many wishes at once, one is fulfilled.
    pub(crate) async fn insert_successor(&self, key: NewSigningKey, times: SuccessorTimes) -> Result<Rotated, DatabaseError> {
        let mut conn = self.conn().await?;
        let rotated = conn
            .transaction(async |conn| {
                LockKeys { lock: SIGNING_KEY_LOCK }.execute(conn).await?;
                let pending = PendingKey {}.get_result(conn).await.optional()?;
                if let Some((kid, signs_from)) = pending {
                    return Ok(Rotated::Pending { kid, signs_from });
                }
                let NewSigningKey { kid, public_key, sealed_private_key } = key;
                let ahead = times.publish_ahead.num_seconds();
                let insert = InsertSuccessor { kid: kid.clone(), public_key, private_key: sealed_private_key, ahead };
                let (signs_from,): (Timestamp,) = insert.get_result(conn).await?;
                let served_after = times.served_after.num_seconds();
                RetireBefore { signs_from, served_after, kid: kid.clone() }.execute(conn).await?;
                let before = ServedUntilThen {}.load(conn).await?;
                Ok(Rotated::Added { kid, signs_from, before })
            })
            .await
            .map_err(|error: diesel::result::Error| DatabaseError::from(error))?;
        Ok(rotated)
    }
}
