//! Statements about the second factor of administrators. A code counts as used in the transaction that it permits.

use diesel::OptionalExtension;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_http::KeyedRequest;
use rowlock_postgres::{Connection, DatabaseError, committed, statement};
use uuid::Uuid;

use super::sessions::{EndSessions, LockAccount};
use super::{Messages, Store};

/// The stored second factor of an account, enabled or not.
#[derive(Debug, Clone)]
pub(crate) struct StoredTotp {
    pub(crate) encrypted_secret: Vec<u8>,
    pub(crate) enabled_at: Option<Timestamp>,
}

/// A second factor to enable: its stored secret, the time step of the first code, and the HMACs of the recovery codes.
#[derive(Debug, Clone)]
pub(crate) struct FirstCode {
    pub(crate) totp: StoredTotp,
    pub(crate) step: i64,
    pub(crate) recovery_codes: Vec<[u8; 32]>,
}

/// A code that is right for a second factor, but may have been used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecondFactorProof {
    /// When the second factor was enabled, which tells it from a later one.
    pub(crate) enabled_at: Timestamp,
    /// The time step of a code of the app; None for a recovery code, which the database looks up.
    pub(crate) step: Option<i64>,
    pub(crate) code_hash: [u8; 32],
}

statement! {
    /// Stores a new secret, unless the second factor is enabled or a secret of the last ten minutes waits for its first code.
    struct BeginTotp { secret: Binary = Vec<u8>, account: SqlUuid = Uuid }
    "UPDATE accounts SET totp_secret = $1, totp_created_at = now()
      WHERE id = $2 AND totp_enabled_at IS NULL AND (totp_created_at IS NULL OR totp_created_at < now() - interval '10 minutes')"
}

statement! {
    struct FindTotp { account: SqlUuid = Uuid } -> (Binary, Nullable<Timestamptz>);
    "SELECT totp_secret, totp_enabled_at FROM accounts WHERE id = $1 AND totp_secret IS NOT NULL"
}

statement! {
    /// Enables the second factor, unless it is enabled or has another secret by now.
    struct EnableTotp {
        step: BigInt = i64, account: SqlUuid = Uuid, secret: Binary = Vec<u8>, codes: Array<Binary> = Vec<Vec<u8>>, key: Nullable<Text> = Option<String>,
        request_hash: Nullable<Binary> = Option<Vec<u8>>, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    "WITH account AS (
         UPDATE accounts SET totp_enabled_at = now(), totp_last_step = $1 WHERE id = $2 AND totp_secret = $3 AND totp_enabled_at IS NULL RETURNING id
     ), codes AS (
         INSERT INTO recovery_codes (account_id, code_hash) SELECT account.id, code FROM account, unnest($4::bytea[]) AS code
     ), kept AS (
         INSERT INTO idempotency_keys AS k (account_id, key, request_hash) SELECT id, $5, $6 FROM account WHERE $5 IS NOT NULL
         ON CONFLICT (account_id, key) DO UPDATE SET request_hash = excluded.request_hash, created_at = now()
     )
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT account.id, message.id, message.key, message.payload, now()
     FROM account, unnest($7::uuid[], $8::text[], $9::text[]) AS message (id, key, payload)"
}

statement! {
    /// Removes the second factor with its recovery codes.
    struct RemoveTotp {
        account: SqlUuid = Uuid, enabled_at: Timestamptz = Timestamp, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    "WITH account AS (
         UPDATE accounts SET totp_secret = NULL, totp_created_at = NULL, totp_enabled_at = NULL, totp_last_step = NULL
          WHERE id = $1 AND totp_enabled_at = $2 RETURNING id
     ), codes AS (
         DELETE FROM recovery_codes WHERE account_id IN (SELECT id FROM account)
     )
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT account.id, message.id, message.key, message.payload, now()
     FROM account, unnest($3::uuid[], $4::text[], $5::text[]) AS message (id, key, payload)"
}

statement! {
    /// Uses a code of the app, unless it or a later one has been used.
    struct UseStep { step: BigInt = i64, account: SqlUuid = Uuid, enabled_at: Timestamptz = Timestamp }
    "UPDATE accounts SET totp_last_step = $1 WHERE id = $2 AND totp_enabled_at = $3 AND totp_last_step < $1"
}

statement! {
    struct UseRecoveryCode { account: SqlUuid = Uuid, code_hash: Binary = Vec<u8>, enabled_at: Timestamptz = Timestamp }
    "DELETE FROM recovery_codes WHERE account_id = $1 AND code_hash = $2 AND EXISTS (SELECT FROM accounts WHERE id = $1 AND totp_enabled_at = $3)"
}

statement! {
    /// Returns whether a login with this idempotency key and this code has opened a session in the last ten minutes that has not
    /// ended.
    struct IsRepeatedLogin { account: SqlUuid = Uuid, key: Text = String, code_hash: Binary = Vec<u8> } -> Bool;
    "SELECT EXISTS (
         SELECT FROM sessions WHERE account_id = $1 AND login_key = $2 AND second_factor = $3 AND ended_at IS NULL AND created_at > now() - interval '10 minutes'
     )"
}

/// Uses a code. Returns false if it is wrong or was used before. The account must be locked, so that of two concurrent requests
/// with one code the second sees that it was used.
pub(super) async fn use_code(conn: &mut Connection, account: Uuid, proof: &SecondFactorProof) -> Result<bool, Error> {
    let enabled_at = proof.enabled_at;
    let used = match proof.step {
        Some(step) => UseStep { step, account, enabled_at }.execute(conn).await?,
        None => UseRecoveryCode { account, code_hash: proof.code_hash.to_vec(), enabled_at }.execute(conn).await?,
    };
    Ok(used > 0)
}

/// Returns whether a login repeats one that has opened a session with the same key and code.
pub(super) async fn is_repeated_login(
    conn: &mut Connection,
    account: Uuid,
    key: Option<&String>,
    proof: &SecondFactorProof,
) -> Result<bool, Error> {
    let Some(key) = key else { return Ok(false) };
    IsRepeatedLogin { account, key: key.clone(), code_hash: proof.code_hash.to_vec() }.get_result(conn).await
}

impl Store {
    /// Stores a new encrypted secret and returns it, or the present one if the second factor is enabled or is being set up.
    /// Returns None if the account no longer exists.
    pub(crate) async fn begin_totp(&self, account: AccountId, encrypted_secret: Vec<u8>) -> Result<Option<StoredTotp>, DatabaseError> {
        let conn = self.conn().await?;
        let begin = BeginTotp { secret: encrypted_secret, account: account.as_uuid() };
        committed(conn, async |conn| begin.execute(conn).await).await?;
        self.totp(account).await
    }

    /// Returns the second factor of an account, enabled or not.
    pub(crate) async fn totp(&self, account: AccountId) -> Result<Option<StoredTotp>, DatabaseError> {
        let mut conn = self.conn().await?;
        let found: Option<(Vec<u8>, Option<Timestamp>)> = FindTotp { account: account.as_uuid() }.get_result(&mut conn).await.optional()?;
        Ok(found.map(|(encrypted_secret, enabled_at)| StoredTotp { encrypted_secret, enabled_at }))
    }

    /// Enables the second factor with its recovery codes and ends the other sessions of the account. Returns false if it is
    /// enabled or has another secret by now.
    pub(crate) async fn enable_totp(
        &self,
        account: AccountId,
        session: SessionId,
        first_code: FirstCode,
        keyed: Option<&KeyedRequest>,
        messages: Messages,
    ) -> Result<bool, DatabaseError> {
        let conn = self.conn().await?;
        let FirstCode { totp, step, recovery_codes } = first_code;
        let enable = EnableTotp {
            step,
            account: account.as_uuid(),
            secret: totp.encrypted_secret,
            codes: recovery_codes.into_iter().map(|code| code.to_vec()).collect(),
            key: keyed.map(|keyed| keyed.key.as_str().to_owned()),
            request_hash: keyed.map(|keyed| keyed.hash.to_vec()),
            message_ids: messages.ids,
            keys: messages.keys,
            payloads: messages.payloads,
        };
        let enabled = committed(conn, async |conn| {
            let enabled = enable.execute(conn).await? > 0;
            if enabled {
                EndSessions { reason: "owner", account: account.as_uuid(), kept: Some(session.as_uuid()) }.execute(conn).await?;
            }
            Ok::<_, Error>(enabled)
        });
        Ok(enabled.await?)
    }

    /// Removes an enabled second factor, with a code unless an operator does it. Returns false if the code is wrong or was used
    /// before, or if the second factor has been removed meanwhile.
    pub(crate) async fn remove_totp(
        &self,
        account: AccountId,
        enabled_at: Timestamp,
        proof: Option<SecondFactorProof>,
        messages: Messages,
    ) -> Result<bool, DatabaseError> {
        let (conn, account) = (self.conn().await?, account.as_uuid());
        let Messages { ids: message_ids, keys, payloads } = messages;
        let remove = RemoveTotp { account, enabled_at, message_ids, keys, payloads };
        let removed = committed(conn, async |conn| {
            LockAccount { account }.execute(conn).await?;
            let is_proven = match &proof {
                Some(proof) => use_code(conn, account, proof).await?,
                None => true,
            };
            Ok::<_, Error>(is_proven && remove.execute(conn).await? > 0)
        });
        Ok(removed.await?)
    }
}
