//! Changes by administrators, which an idempotency key makes safe to repeat.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Binary, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::AccountId;
use rowlock_http::KeyedRequest;
use rowlock_postgres::{Connection, DatabaseError, statement};
use rowlock_sealing::SealingKeys;
use serde_json::Value;
use uuid::Uuid;

use super::super::Store;
use super::{AuditedAction, Auditor};

statement! {
    struct FindKey { account: SqlUuid = Uuid, key: Text = String } -> (Binary, Text);
    "SELECT request_hash, response FROM idempotency_keys WHERE account_id = $1 AND key = $2 AND created_at > now() - interval '24 hours'"
}

statement! {
    /// Stores a key with the sealed response. A key that is still valid stays as it is.
    struct StoreKey { account: SqlUuid = Uuid, key: Text = String, hash: Binary = Vec<u8>, response: Text = String }
    "INSERT INTO idempotency_keys AS k (account_id, key, request_hash, response) VALUES ($1, $2, $3, $4)
     ON CONFLICT (account_id, key) DO UPDATE SET request_hash = excluded.request_hash, response = excluded.response, created_at = now()
      WHERE k.created_at <= now() - interval '24 hours'"
}

/// The purpose for which responses are sealed. Some contain a secret.
const PURPOSE: &str = "webhook.response";

/// The reason why a change was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The webhook does not exist.
    #[error("there is no webhook with this id")]
    NotFound,
    /// The webhook has no such delivery.
    #[error("the webhook has no delivery with this id")]
    DeliveryNotFound,
    /// The webhook is disabled.
    #[error("the webhook is disabled")]
    Disabled,
    /// No mail about the message goes to the recipient.
    #[error("the message has no mail to this recipient")]
    MailNotFound,
    /// The mail has this status, neither failed nor unclear.
    #[error("the mail is {0}")]
    MailNotFailed(String),
    /// There are too many webhooks.
    #[error("there are already {0} webhooks")]
    Limit(u16),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A response could not be sealed, opened or written.
    #[error("the response cannot be stored or read: {0}")]
    Response(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The result of a change within its transaction, or the reason why nothing was changed.
pub(crate) type Change = QueryResult<Result<Effect, ChangeError>>;

/// A change that was made.
#[derive(Debug)]
pub(crate) struct Effect {
    /// The body of the response, or null for one without.
    pub(crate) body: Value,
    /// The entry in the audit log, unless nothing changed that belongs there.
    pub(crate) audited: Option<AuditedAction>,
    /// Whether this was only a batch of the change, which is committed before the next one is made. The last one is the response.
    pub(crate) is_partial: bool,
}

/// The response to a change.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The body, or null for a response without one.
    pub(crate) body: Value,
    /// Whether an earlier request made the change.
    pub(crate) replayed: bool,
}

impl Store {
    /// Makes a change in a transaction, and stores its entry of the audit log, and the response with the idempotency key of the request.
    /// If the key is known, nothing is changed. A change in batches is made in several transactions; if it ends in the middle, a repeated
    /// request goes on.
    pub(crate) async fn change_once(
        &self,
        sealing: &SealingKeys,
        account: AccountId,
        auditor: &Auditor,
        keyed: Option<&KeyedRequest>,
        change: impl AsyncFn(&mut Connection) -> Change,
    ) -> Result<Changed, ChangeError> {
        loop {
            if let Some(keyed) = keyed
                && let Some(body) = self.stored_response(sealing, account, keyed).await?
            {
                return Ok(Changed { body, replayed: true });
            }
            let changed = self.write(async |conn| {
                let Effect { body, audited, is_partial } = match change(conn).await? {
                    Ok(effect) => effect,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                if is_partial {
                    return Ok(Ok(None));
                }
                if let Some(audited) = audited {
                    auditor.record(conn, audited).await?;
                }
                let Some(keyed) = keyed else { return Ok(Ok(Some(body))) };
                let response = match sealing.seal(PURPOSE, &body) {
                    Ok(response) => response,
                    Err(error) => return Err(Error::SerializationError(error.into())),
                };
                let (account, key, hash) = (account.as_uuid(), keyed.key.as_str().to_owned(), keyed.hash.to_vec());
                // Another request with the same key has been faster.
                let stored = StoreKey { account, key, hash, response }.execute(conn).await?;
                if stored == 0 { Err(Error::RollbackTransaction) } else { Ok(Ok(Some(body))) }
            });
            match changed.await {
                Ok(Ok(Some(body))) => return Ok(Changed { body, replayed: false }),
                Ok(Err(refusal)) => return Err(refusal),
                // The next batch, or another request with the same key was faster.
                Ok(Ok(None)) | Err(DatabaseError::Refused(Error::RollbackTransaction)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns the response to an earlier request with the same key.
    async fn stored_response(&self, sealing: &SealingKeys, account: AccountId, keyed: &KeyedRequest) -> Result<Option<Value>, ChangeError> {
        let find = FindKey { account: account.as_uuid(), key: keyed.key.as_str().to_owned() };
        let found = self.reader().run(async move |conn| find.get_result::<(Vec<u8>, String)>(conn).await.optional()).await?;
        let Some((hash, response)) = found else { return Ok(None) };
        if hash != keyed.hash {
            return Err(ChangeError::KeyReused);
        }
        sealing.open(PURPOSE, &response).map(Some).map_err(|error| ChangeError::Response(error.to_string()))
    }
}
