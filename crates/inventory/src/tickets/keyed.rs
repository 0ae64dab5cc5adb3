//! Requests with an idempotency key outside the batches of commands.
//!
//! The key is inserted at the end of the transaction of the request. If two requests with the same key run at once, the second one
//! waits at the primary key for the first, and then starts again and finds the key. The data that are stored for a repeat are not
//! personal.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Binary, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, EventId};
use rowlock_postgres::{DatabaseError, Pool, WriteError, checkout, committed, statement};
use uuid::Uuid;

use crate::command::Idempotency;

/// The idempotency key of a request, and the account that sent it.
#[derive(Debug, Clone)]
pub struct RequestKey {
    /// The account to which the key belongs.
    pub account: AccountId,
    /// The key and the hash of the request.
    pub idempotency: Idempotency,
}

/// The result of a request that may have a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyedOutcome<T> {
    /// The request was executed.
    New(T),
    /// The same request was executed before. Contains what was stored then.
    Repeated(String),
    /// The key was used for a different request.
    KeyReused,
}

statement! {
    struct FindKey { event: SqlUuid = Uuid, account: SqlUuid = Uuid, key: Text = String } -> (Text, Binary, Text);
    "SELECT operation, request_hash, response FROM idempotency_keys
      WHERE event_id = $1 AND account_id = $2 AND key = $3 AND created_at > now() - interval '24 hours'"
}

statement! {
    /// Inserts the key. If it was inserted within the last 24 hours, the statement affects no row.
    struct InsertKey {
        event: SqlUuid = Uuid, account: SqlUuid = Uuid, key: Text = String, operation: Text = &'static str, hash: Binary = Vec<u8>,
        response: Text = String,
    }
    "INSERT INTO idempotency_keys AS i (event_id, account_id, key, operation, request_hash, status, response, created_at)
     VALUES ($1, $2, $3, $4, $5, 200, $6, now())
     ON CONFLICT (event_id, account_id, key) DO UPDATE SET operation = excluded.operation, request_hash = excluded.request_hash,
            status = excluded.status, response = excluded.response, etag = NULL, created_at = excluded.created_at
      WHERE i.created_at <= now() - interval '24 hours'"
}

/// An operation at an event, for which keys are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) event: EventId,
    pub(crate) name: &'static str,
}

impl Operation {
    /// Runs a request in a transaction of its own, or returns what was stored for the same request. `stored` returns what is stored
    /// with the key, or `None` for a rejection, which is not stored.
    pub(crate) async fn run<T>(
        self,
        pool: &Pool,
        key: Option<&RequestKey>,
        run: impl AsyncFn(&mut AsyncPgConnection) -> QueryResult<T>,
        stored: impl Fn(&T) -> Option<String>,
    ) -> Result<KeyedOutcome<T>, DatabaseError> {
        let Some(key) = key else {
            return Ok(KeyedOutcome::New(committed(checkout(pool).await?, async |conn| run(conn).await).await?));
        };
        let attempt = async || {
            let conn = checkout(pool).await?;
            let result = committed(conn, async |conn| {
                if let Some(known) = self.find(conn, key).await? {
                    return Ok(known);
                }
                let result = run(conn).await?;
                let Some(response) = stored(&result) else {
                    // The rejection may be due to the same request, which has committed meanwhile.
                    return Ok(self.find(conn, key).await?.unwrap_or(KeyedOutcome::New(result)));
                };
                if self.insert(conn, key, response).await? {
                    Ok(KeyedOutcome::New(result))
                } else {
                    // Another request with the key has come first.
                    Err(Error::RollbackTransaction)
                }
            });
            Ok::<_, DatabaseError>(result.await)
        };
        match attempt().await? {
            Err(WriteError::NotCommitted(Error::RollbackTransaction)) => Ok(attempt().await??),
            result => Ok(result?),
        }
    }

    async fn find<T>(self, conn: &mut AsyncPgConnection, key: &RequestKey) -> QueryResult<Option<KeyedOutcome<T>>> {
        let RequestKey { account, idempotency } = key;
        let query = FindKey { event: self.event.as_uuid(), account: account.as_uuid(), key: idempotency.key.as_str().to_owned() };
        let found: Option<(String, Vec<u8>, String)> = query.get_result(conn).await.optional()?;
        Ok(found.map(|(operation, hash, response)| {
            let is_same = operation == self.name && hash == idempotency.request_hash;
            if is_same { KeyedOutcome::Repeated(response) } else { KeyedOutcome::KeyReused }
        }))
    }

    async fn insert(self, conn: &mut AsyncPgConnection, key: &RequestKey, response: String) -> QueryResult<bool> {
        let RequestKey { account, idempotency: Idempotency { key, request_hash } } = key;
        let (event, account, key) = (self.event.as_uuid(), account.as_uuid(), key.as_str().to_owned());
        let query = InsertKey { event, account, key, operation: self.name, hash: request_hash.to_vec(), response };
        Ok(query.execute(conn).await? == 1)
    }
}
