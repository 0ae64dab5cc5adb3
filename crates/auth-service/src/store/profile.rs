//! Statements with which people change their own account.

use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::states::Language;
use rowlock_domain::text::PersonName;
use rowlock_http::KeyedRequest;
use rowlock_postgres::{DatabaseError, committed, statement};
use uuid::Uuid;

use super::accounts::{Account, AccountRow};
use super::sessions::EndSessions;
use super::{Messages, Store};

/// The new values of an account. `None` leaves a value as it is.
#[derive(Debug, Clone)]
pub(crate) struct ProfileChange {
    pub(crate) name: Option<PersonName>,
    pub(crate) language: Option<Language>,
    pub(crate) notify_waitlist: Option<bool>,
    pub(crate) notify_reminders: Option<bool>,
}

/// The replacement of a password.
#[derive(Clone)]
pub(crate) struct PasswordChange {
    pub(crate) account: AccountId,
    /// The hash that the account must still have.
    pub(crate) old_hash: String,
    pub(crate) new_hash: String,
    /// The session that does not end.
    pub(crate) kept_session: SessionId,
    /// The messages about the change.
    pub(crate) messages: Messages,
}

statement! {
    struct ChangeProfile {
        name: Nullable<Text> = Option<String>, name_normalized: Nullable<Text> = Option<String>, language: Nullable<Text> = Option<&'static str>,
        notify_waitlist: Nullable<Bool> = Option<bool>, notify_reminders: Nullable<Bool> = Option<bool>, id: SqlUuid = Uuid,
    }
    -> (SqlUuid, Text, Text, Text, Text, Text, Timestamptz, Nullable<Timestamptz>, diesel::sql_types::BigInt, Text, Nullable<Timestamptz>, Bool, Bool, Nullable<Timestamptz>);
    "UPDATE accounts SET name = coalesce($1, name), name_normalized = coalesce($2, name_normalized), language = coalesce($3, language),
         notify_waitlist = coalesce($4, notify_waitlist), notify_reminders = coalesce($5, notify_reminders)
      WHERE id = $6
     RETURNING id, name, username, email, role, admin_role, created_at, disabled_at, version, language, totp_enabled_at,
               notify_waitlist, notify_reminders, email_confirmed_at"
}

statement! {
    /// Replaces a hash that has not changed since it was read, and stores the request's idempotency key. Links that change the
    /// password or the e-mail address stop working. [`EndSessions`] follows in the same transaction. A later login with the old
    /// password fails, because the hash is no longer the one that it checked.
    struct ChangePassword {
        new_hash: Text = String, id: SqlUuid = Uuid, old_hash: Text = String, key: Nullable<Text> = Option<String>, request_hash: Nullable<Binary> = Option<Vec<u8>>,
        message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    -> diesel::sql_types::BigInt;
    "WITH account AS (
         UPDATE accounts SET password_hash = $1 WHERE id = $2 AND password_hash = $3 AND disabled_at IS NULL RETURNING id
     ), kept AS (
         INSERT INTO idempotency_keys AS k (account_id, key, request_hash) SELECT id, $4, $5 FROM account WHERE $4 IS NOT NULL
         ON CONFLICT (account_id, key) DO UPDATE SET request_hash = excluded.request_hash, created_at = now()
     ), links AS (
         UPDATE account_links SET expires_at = now()
          WHERE account_id IN (SELECT id FROM account) AND kind IN ('reset-password', 'change-email') AND used_at IS NULL AND expires_at > now()
            AND created_at < now()
     ), messages AS (
         INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
         SELECT account.id, message.id, message.key, message.payload, now()
         FROM account, unnest($6::uuid[], $7::text[], $8::text[]) AS message (id, key, payload)
     )
     SELECT count(*) FROM account"
}

impl Store {
    /// Changes the name, the language or the notifications of an account. Returns `None` if the account does not exist.
    pub(crate) async fn change_profile(&self, id: AccountId, change: ProfileChange) -> Result<Option<Account>, DatabaseError> {
        let conn = self.conn().await?;
        let name_normalized = change.name.as_ref().map(|name| name.as_str().to_lowercase());
        let language = change.language.map(Language::as_str);
        let change = ChangeProfile {
            name: change.name.map(PersonName::into_string),
            name_normalized,
            language,
            notify_waitlist: change.notify_waitlist,
            notify_reminders: change.notify_reminders,
            id: id.as_uuid(),
        };
        let row: Option<AccountRow> = committed(conn, async |conn| change.get_result(conn).await.optional()).await?;
        Ok(row.map(Account::try_from).transpose()?)
    }

    /// Replaces a password and ends the other sessions of its account. Returns false if the account has another hash, is disabled
    /// or does not exist.
    pub(crate) async fn change_password(&self, change: PasswordChange, keyed: Option<&KeyedRequest>) -> Result<bool, DatabaseError> {
        let conn = self.conn().await?;
        let id = change.account.as_uuid();
        let replace = ChangePassword {
            new_hash: change.new_hash,
            id,
            old_hash: change.old_hash,
            key: keyed.map(|keyed| keyed.key.as_str().to_owned()),
            request_hash: keyed.map(|keyed| keyed.hash.to_vec()),
            message_ids: change.messages.ids,
            keys: change.messages.keys,
            payloads: change.messages.payloads,
        };
        let end = EndSessions { reason: "password", account: id, kept: Some(change.kept_session.as_uuid()) };
        let changed = committed(conn, async |conn| {
            let changed: i64 = replace.get_result(conn).await?;
            if changed > 0 {
                end.execute(conn).await?;
            }
            Ok(changed > 0)
        });
        changed.await.map_err(DatabaseError::from)
    }
}
