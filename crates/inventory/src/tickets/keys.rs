//! The keys that sign codes of tickets, with sealed private keys.

use diesel::QueryResult;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_postgres::{DatabaseError, Pool, checkout, committed, statement};

/// Advisory lock that serializes the creation of ticket keys.
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

/// A published key.
#[derive(Clone)]
pub struct StoredTicketKey {
    /// The thumbprint of the public key.
    pub kid: String,
    /// The 32 bytes of the public key.
    pub public_key: Vec<u8>,
    /// The sealed private key.
    pub sealed_key: String,
}

statement! {
    struct PublishedKeys {} -> (Text, Binary, Text);
    "SELECT kid, public_key, sealed_key FROM ticket_keys ORDER BY created_at DESC, kid"
}

statement! {
    /// The lock is released at the end of the transaction.
    struct LockKeys { lock: BigInt = i64 }
    "SELECT pg_advisory_xact_lock($1)"
}

statement! {
    struct InsertFirstKey { kid: Text = String, public_key: Binary = Vec<u8>, sealed_key: Text = String }
    "INSERT INTO ticket_keys (kid, public_key, sealed_key, created_at)
     SELECT $1, $2, $3, statement_timestamp() WHERE NOT EXISTS (SELECT FROM ticket_keys)"
}

/// Returns all keys. The first one signs.
pub async fn published_keys(conn: &mut AsyncPgConnection) -> QueryResult<Vec<StoredTicketKey>> {
    let rows: Vec<(String, Vec<u8>, String)> = PublishedKeys {}.load(conn).await?;
    Ok(rows.into_iter().map(|(kid, public_key, sealed_key)| StoredTicketKey { kid, public_key, sealed_key }).collect())
}

/// Inserts a key unless there is one, and returns whether it did. If several replicas need the first key at once, one of them inserts
/// its key.
pub async fn insert_first_key(pool: &Pool, key: NewTicketKey) -> Result<bool, DatabaseError> {
    let NewTicketKey { kid, public_key, sealed_key } = key;
    let inserted = committed(checkout(pool).await?, async |conn| {
        LockKeys { lock: TICKET_KEY_LOCK }.execute(conn).await?;
        InsertFirstKey { kid, public_key, sealed_key }.execute(conn).await
    });
    Ok(inserted.await? == 1)
}
