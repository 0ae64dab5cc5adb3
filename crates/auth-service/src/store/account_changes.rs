//! Statements that disable, enable and erase accounts, and the revocation list.

use chrono::TimeDelta;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::states::AdminRole;
use rowlock_http::KeyedRequest;
use rowlock_http::revocations::RevocationList;
use rowlock_postgres::{DatabaseError, committed, statement};
use uuid::Uuid;

use super::sessions::EndSessions;
use super::{Messages, Store};

/// The change of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountTransition {
    Disable,
    Enable,
    Erase,
    /// Gives an administrator another role.
    SetRole(AdminRole),
}

/// The table expression `owners`, which locks the enabled owners in id order, so that of two owners who stop being owners concurrently
/// the second sees that it is the last. A subquery would not do: PostgreSQL moves the condition on the id into it, and two
/// administrators who change each other would each lock one row and wait for the other.
macro_rules! enabled_owners {
    () => {
        "owners AS MATERIALIZED (
         SELECT id FROM accounts WHERE role = 'admin' AND admin_role = 'owner' AND disabled_at IS NULL ORDER BY id FOR UPDATE
     )"
    };
}

statement! {
    /// Disables an account and stores the request's idempotency key, unless it is the last enabled owner. [`EndSessions`] follows
    /// in the same transaction.
    struct Disable {
        id: SqlUuid = Uuid, version: BigInt = i64, key_account: Nullable<SqlUuid> = Option<Uuid>, key: Nullable<Text> = Option<String>,
        request_hash: Nullable<Binary> = Option<Vec<u8>>, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    concat!(
        "WITH ",
        enabled_owners!(),
        ", account AS (
         UPDATE accounts SET disabled_at = now(), version = version + 1 WHERE id = $1 AND version = $2 AND disabled_at IS NULL
            AND (role <> 'admin' OR admin_role <> 'owner' OR EXISTS (SELECT FROM owners WHERE id <> $1))
         RETURNING id
     ), kept AS (
         INSERT INTO idempotency_keys AS k (account_id, key, request_hash) SELECT $3, $4, $5 FROM account WHERE $4 IS NOT NULL
         ON CONFLICT (account_id, key) DO UPDATE SET request_hash = excluded.request_hash, created_at = now()
     )
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT account.id, message.id, message.key, message.payload, now()
     FROM account, unnest($6::uuid[], $7::text[], $8::text[]) WITH ORDINALITY AS message (id, key, payload, place) ORDER BY place"
    )
}

statement! {
    struct Enable {
        id: SqlUuid = Uuid, version: BigInt = i64, key_account: Nullable<SqlUuid> = Option<Uuid>, key: Nullable<Text> = Option<String>,
        request_hash: Nullable<Binary> = Option<Vec<u8>>, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    "WITH account AS (
         UPDATE accounts SET disabled_at = NULL, version = version + 1 WHERE id = $1 AND version = $2 AND disabled_at IS NOT NULL RETURNING id
     ), kept AS (
         INSERT INTO idempotency_keys AS k (account_id, key, request_hash) SELECT $3, $4, $5 FROM account WHERE $4 IS NOT NULL
         ON CONFLICT (account_id, key) DO UPDATE SET request_hash = excluded.request_hash, created_at = now()
     )
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT account.id, message.id, message.key, message.payload, now()
     FROM account, unnest($6::uuid[], $7::text[], $8::text[]) WITH ORDINALITY AS message (id, key, payload, place) ORDER BY place"
}

statement! {
    /// Deletes an account with its sessions, unless it is the last enabled owner.
    struct Erase { id: SqlUuid = Uuid, version: BigInt = i64, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String> }
    concat!(
        "WITH ",
        enabled_owners!(),
        ", account AS (
         DELETE FROM accounts WHERE id = $1 AND version = $2
            AND (role <> 'admin' OR admin_role <> 'owner' OR EXISTS (SELECT FROM owners WHERE id <> $1))
         RETURNING id
     ), remembered AS (
         INSERT INTO erased_accounts (id, erased_at) SELECT id, now() FROM account
     )
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT account.id, message.id, message.key, message.payload, now()
     FROM account, unnest($3::uuid[], $4::text[], $5::text[]) WITH ORDINALITY AS message (id, key, payload, place) ORDER BY place"
    )
}

statement! {
    /// Gives an administrator another role and stores the request's idempotency key, unless it is the last enabled owner.
    struct SetRole {
        role: Text = &'static str, id: SqlUuid = Uuid, version: BigInt = i64, key_account: Nullable<SqlUuid> = Option<Uuid>, key: Nullable<Text> = Option<String>,
        request_hash: Nullable<Binary> = Option<Vec<u8>>, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    concat!(
        "WITH ",
        enabled_owners!(),
        ", account AS (
         UPDATE accounts SET admin_role = $1, admin_role_changed_at = now(), version = version + 1
          WHERE id = $2 AND version = $3 AND role = 'admin'
            AND ($1 = 'owner' OR admin_role <> 'owner' OR disabled_at IS NOT NULL OR EXISTS (SELECT FROM owners WHERE id <> $2))
         RETURNING id
     ), kept AS (
         INSERT INTO idempotency_keys AS k (account_id, key, request_hash) SELECT $4, $5, $6 FROM account WHERE $5 IS NOT NULL
         ON CONFLICT (account_id, key) DO UPDATE SET request_hash = excluded.request_hash, created_at = now()
     )
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT account.id, message.id, message.key, message.payload, now()
     FROM account, unnest($7::uuid[], $8::text[], $9::text[]) WITH ORDINALITY AS message (id, key, payload, place) ORDER BY place"
    )
}

statement! {
    struct ErasedAccounts { seconds: BigInt = i64 } -> SqlUuid;
    "SELECT id FROM erased_accounts WHERE erased_at > now() - $1 * interval '1 second'"
}

statement! {
    /// Returns the current versions of accounts that were disabled recently, whether or not they were enabled again, and of
    /// administrators whose role was changed recently. Only these changes increment the version, so every valid token has the
    /// current one.
    struct RaisedVersions { seconds: BigInt = i64 } -> (SqlUuid, BigInt);
    "SELECT id, version FROM accounts WHERE disabled_at > now() - $1 * interval '1 second'
     UNION
     SELECT accounts.id, version FROM sessions JOIN accounts ON accounts.id = account_id
      WHERE ended_at > now() - $1 * interval '1 second' AND end_reason = 'disabled'
     UNION
     SELECT id, version FROM accounts WHERE admin_role_changed_at > now() - $1 * interval '1 second'"
}

statement! {
    struct EndedSessions { seconds: BigInt = i64 } -> SqlUuid;
    "SELECT id FROM sessions WHERE ended_at > now() - $1 * interval '1 second'"
}

statement! {
    struct DeleteErasedIds { seconds: BigInt = i64 }
    "DELETE FROM erased_accounts WHERE erased_at < now() - $1 * interval '1 second'"
}

impl Store {
    /// Changes an account if it still has the given version. Returns false if it has another version or if the change is not
    /// allowed.
    pub(crate) async fn change_account(
        &self,
        transition: AccountTransition,
        account: AccountId,
        version: i64,
        messages: Messages,
        keyed: Option<(AccountId, &KeyedRequest)>,
    ) -> Result<bool, DatabaseError> {
        let conn = self.conn().await?;
        let (id, Messages { ids: message_ids, keys, payloads }) = (account.as_uuid(), messages);
        let key_account = keyed.map(|(account, _)| account.as_uuid());
        let key = keyed.map(|(_, keyed)| keyed.key.as_str().to_owned());
        let request_hash = keyed.map(|(_, keyed)| keyed.hash.to_vec());
        let written = committed(conn, async |conn| match transition {
            AccountTransition::Disable => {
                let written = Disable { id, version, key_account, key, request_hash, message_ids, keys, payloads }.execute(conn).await?;
                if written > 0 {
                    EndSessions { reason: "disabled", account: id, kept: None }.execute(conn).await?;
                }
                Ok(written)
            }
            AccountTransition::Enable => {
                Enable { id, version, key_account, key, request_hash, message_ids, keys, payloads }.execute(conn).await
            }
            AccountTransition::SetRole(role) => {
                let role = role.as_str();
                SetRole { role, id, version, key_account, key, request_hash, message_ids, keys, payloads }.execute(conn).await
            }
            AccountTransition::Erase => Erase { id, version, message_ids, keys, payloads }.execute(conn).await,
        });
        Ok(written.await? > 0)
    }

    /// Returns the revocation list: sessions that ended, and accounts that were disabled, erased or given another role, within the
    /// given time.
    pub(crate) async fn revoked_within(&self, time: TimeDelta) -> Result<RevocationList, DatabaseError> {
        let mut conn = self.conn().await?;
        let seconds = time.num_seconds();
        let accounts: Vec<Uuid> = ErasedAccounts { seconds }.load(&mut conn).await?;
        let versions: Vec<(Uuid, i64)> = RaisedVersions { seconds }.load(&mut conn).await?;
        let sessions: Vec<Uuid> = EndedSessions { seconds }.load(&mut conn).await?;
        Ok(RevocationList {
            accounts: accounts.into_iter().map(AccountId::from_uuid).collect(),
            account_versions: versions.into_iter().map(|(id, version)| (AccountId::from_uuid(id), version)).collect(),
            sessions: sessions.into_iter().map(SessionId::from_uuid).collect(),
        })
    }

    /// Deletes the ids of accounts that were erased longer ago than `after`.
    pub(crate) async fn delete_erased_ids(&self, after: TimeDelta) -> Result<(), DatabaseError> {
        let mut conn = self.conn().await?;
        DeleteErasedIds { seconds: after.num_seconds() }.execute(&mut conn).await?;
        Ok(())
    }
}
