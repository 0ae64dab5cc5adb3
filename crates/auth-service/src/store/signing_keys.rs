//! Signing keys, as the database keeps them: the private half encrypted. All times are the database's.

use diesel::sql_types::{BigInt, Binary, Bool, Text};
use diesel_async::{AsyncConnection, RunQueryDsl};
use rowlock_postgres::{DatabaseError, statement};

use super::Store;

/// One number for all who look whether a signing key must be made.
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
}
