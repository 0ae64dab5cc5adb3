//! Creates an event at most once per idempotency key.
//!
//! The key is inserted before the event, in the same transaction. If two requests arrive at once, the second one waits at the
//! primary key for the first, finds the key taken and replays the stored response.

use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::AccountId;
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::command::Idempotency;
use crate::views::EventWithTypes;

/// The response to a request that created an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedResponse {
    /// The body, byte for byte.
    pub body: String,
    /// The value of the header `ETag`.
    pub etag: String,
}

/// The idempotency key of a request that creates an event.
pub struct CreateOnce {
    /// The administrator to whom the key belongs.
    pub account: AccountId,
    /// The key and the hash of the request.
    pub idempotency: Idempotency,
    /// Renders the response to store.
    pub render: fn(&EventWithTypes) -> Option<CreatedResponse>,
}

impl std::fmt::Debug for CreateOnce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateOnce").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The result of a request to create an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateOutcome {
    /// The request created the event.
    New(Box<EventWithTypes>),
    /// An identical earlier request created the event and received this response.
    Replayed(CreatedResponse),
    /// The key was used for a different request.
    KeyReused,
}

statement! {
    struct FindKey { account: SqlUuid = Uuid, key: Text = String } -> (Text, Binary, Text, Nullable<Text>);
    "SELECT operation, request_hash, response, etag FROM idempotency_keys
     WHERE event_id = $1 AND account_id = $1 AND key = $2 AND created_at > now() - interval '24 hours'"
}

statement! {
    /// Inserts the key. If it was inserted within the last 24 hours, the statement affects no row.
    struct InsertKey { account: SqlUuid = Uuid, key: Text = String, hash: Binary = Vec<u8>, response: Text = String, etag: Text = String }
    "INSERT INTO idempotency_keys AS i (event_id, account_id, key, operation, request_hash, status, response, etag, created_at)
     VALUES ($1, $1, $2, 'initialize', $3, 201, $4, $5, now())
     ON CONFLICT (event_id, account_id, key) DO UPDATE SET operation = excluded.operation, request_hash = excluded.request_hash,
            status = excluded.status, response = excluded.response, etag = excluded.etag, created_at = excluded.created_at
      WHERE i.created_at <= now() - interval '24 hours'"
}

impl CreateOnce {
    /// Looks up an earlier request with the same key.
    pub(crate) async fn find(&self, conn: &mut AsyncPgConnection) -> QueryResult<Option<CreateOutcome>> {
        let query = FindKey { account: self.account.as_uuid(), key: self.idempotency.key.as_str().to_owned() };
        let found: Option<(String, Vec<u8>, String, Option<String>)> = query.get_result(conn).await.optional()?;
        Ok(found.map(|(operation, hash, body, etag)| {
            if operation == "initialize" && hash == self.idempotency.request_hash {
                CreateOutcome::Replayed(CreatedResponse { body, etag: etag.unwrap_or_default() })
            } else {
                CreateOutcome::KeyReused
            }
        }))
    }

    /// Inserts the key in the open transaction. Returns false if another request has inserted it in the meantime.
    pub(crate) async fn insert_key(&self, conn: &mut AsyncPgConnection, event: &EventWithTypes) -> QueryResult<bool> {
        let Some(CreatedResponse { body, etag }) = (self.render)(event) else { return Ok(false) };
        let (account, key) = (self.account.as_uuid(), self.idempotency.key.as_str().to_owned());
        let query = InsertKey { account, key, hash: self.idempotency.request_hash.to_vec(), response: body, etag };
        Ok(query.execute(conn).await? == 1)
    }
}
