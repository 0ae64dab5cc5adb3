//! Idempotency keys of administrators' requests, stored for 24 hours.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::AccountId;
use rowlock_http::KeyedRequest;
use rowlock_postgres::{DatabaseError, committed, statement};

use super::Store;

statement! {
    struct FindKey { account: SqlUuid = uuid::Uuid, key: Text = String } -> Binary;
    "SELECT request_hash FROM idempotency_keys WHERE account_id = $1 AND key = $2 AND created_at > now() - interval '24 hours'"
}

statement! {
    /// Stores the key of a request that changed nothing. A key that is still valid stays as it is.
    struct StoreKey { account: SqlUuid = uuid::Uuid, key: Text = String, hash: Binary = Vec<u8> }
    "INSERT INTO idempotency_keys AS k (account_id, key, request_hash) VALUES ($1, $2, $3)
     ON CONFLICT (account_id, key) DO UPDATE SET request_hash = excluded.request_hash, created_at = now()
      WHERE k.created_at <= now() - interval '24 hours'"
}

statement! {
    /// Deletes keys older than 24 hours, up to a limit.
    struct DeleteOldKeys { max: BigInt = i64 }
    "DELETE FROM idempotency_keys WHERE (account_id, key) IN (
         SELECT account_id, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
     )"
}

impl Store {
    /// Returns the hash of the request that an administrator sent with this key in the last 24 hours.
    pub(crate) async fn request_with_key(&self, account: AccountId, keyed: &KeyedRequest) -> Result<Option<Vec<u8>>, DatabaseError> {
        let mut conn = self.conn().await?;
        let find = FindKey { account: account.as_uuid(), key: keyed.key.as_str().to_owned() };
        Ok(find.get_result(&mut conn).await.optional()?)
    }

    /// Stores the key of a request that had nothing to change.
    pub(crate) async fn remember_key(&self, account: AccountId, keyed: &KeyedRequest) -> Result<(), DatabaseError> {
        let conn = self.conn().await?;
        let take = StoreKey { account: account.as_uuid(), key: keyed.key.as_str().to_owned(), hash: keyed.hash.to_vec() };
        committed(conn, async |conn| take.execute(conn).await).await?;
        Ok(())
    }

    /// Deletes up to `max` keys older than 24 hours. Returns the number deleted.
    pub(crate) async fn delete_old_keys(&self, max: i64) -> Result<usize, DatabaseError> {
        let mut conn = self.conn().await?;
        Ok(DeleteOldKeys { max }.execute(&mut conn).await?)
    }
}
