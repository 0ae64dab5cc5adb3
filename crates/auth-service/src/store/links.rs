//! Links that were sent by e-mail, and the changes that they permit. A change locks the account first, so that it excludes other
//! changes of the account, and uses the link in the same statement.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::text::Email;
use rowlock_postgres::{DatabaseError, committed, statement};
use rowlock_sealing::MailingList;
use uuid::Uuid;

use super::new_account::InsertError;
use super::sessions::{EndSessions, LockAccount};
use super::{Messages, Store};

/// The purpose of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkKind {
    ConfirmEmail,
    ChangeEmail,
    ResetPassword,
    /// No link, but counts e-mail to the owner of an address that somebody tried to register.
    AlreadyRegistered,
}

impl LinkKind {
    const ALL: [Self; 4] = [Self::ConfirmEmail, Self::ChangeEmail, Self::ResetPassword, Self::AlreadyRegistered];

    const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmEmail => "confirm-email",
            Self::ChangeEmail => "change-email",
            Self::ResetPassword => "reset-password",
            Self::AlreadyRegistered => "already-registered",
        }
    }
}

/// A link to store. Its token is not stored.
#[derive(Debug, Clone)]
pub(crate) struct NewLink {
    pub(crate) token_hash: [u8; 32],
    /// The hash of the address in its comparison form.
    pub(crate) address_hash: [u8; 32],
    pub(crate) ttl: TimeDelta,
}

/// A link that was found by its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredLink {
    pub(crate) account: AccountId,
    pub(crate) kind: LinkKind,
    pub(crate) email: String,
    pub(crate) used_at: Option<Timestamp>,
}

/// The change of an e-mail address that a link permits.
#[derive(Debug, Clone)]
pub(crate) struct EmailChange {
    pub(crate) account: AccountId,
    pub(crate) token_hash: [u8; 32],
    pub(crate) email: Email,
    /// The address that the account must still have.
    pub(crate) old_email: String,
    pub(crate) messages: Messages,
}

/// The replacement of a password that a link permits.
#[derive(Clone)]
pub(crate) struct PasswordReset {
    pub(crate) account: AccountId,
    pub(crate) token_hash: [u8; 32],
    pub(crate) new_hash: String,
    pub(crate) messages: Messages,
}

statement! {
    /// Stores a link and the messages about it, unless five links of this kind were requested for the address within an hour. A new
    /// link that changes an address replaces the earlier ones.
    struct InsertLink {
        token_hash: Binary = Vec<u8>, kind: Text = &'static str, account: Nullable<SqlUuid> = Option<Uuid>, email: Nullable<Text> = Option<String>,
        address_hash: Binary = Vec<u8>, ttl: BigInt = i64, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    "WITH link AS (
         INSERT INTO account_links (token_hash, kind, account_id, email, address_hash, expires_at)
         SELECT $1, $2, $3, $4, $5, now() + $6 * interval '1 second'
          WHERE (SELECT count(*) FROM account_links WHERE address_hash = $5 AND kind = $2 AND created_at > now() - interval '1 hour') < 5
         RETURNING account_id
     ), replaced AS (
         UPDATE account_links SET expires_at = now()
          WHERE account_id IN (SELECT account_id FROM link) AND kind = $2 AND kind = 'change-email' AND used_at IS NULL AND expires_at > now()
            AND created_at < now()
     )
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT link.account_id, message.id, message.key, message.payload, now()
     FROM link, unnest($7::uuid[], $8::text[], $9::text[]) AS message (id, key, payload) WHERE link.account_id IS NOT NULL"
}

statement! {
    struct FindLink { token_hash: Binary = Vec<u8> } -> (SqlUuid, Text, Text, Nullable<Timestamptz>);
    "SELECT account_id, kind, email, used_at FROM account_links WHERE token_hash = $1 AND account_id IS NOT NULL AND expires_at > now()"
}

statement! {
    /// Confirms the address of an account with a link that was sent to it.
    struct ConfirmAddress { token_hash: Binary = Vec<u8> }
    "WITH link AS (
         UPDATE account_links SET used_at = now() WHERE token_hash = $1 AND kind = 'confirm-email' AND used_at IS NULL AND expires_at > now()
         RETURNING account_id, email
     )
     UPDATE accounts SET email_confirmed_at = coalesce(email_confirmed_at, now()) FROM link
      WHERE id = link.account_id AND accounts.email = link.email AND disabled_at IS NULL"
}

statement! {
    /// Gives an account the address to which the link was sent. Links that were sent to the previous address stop working.
    struct ChangeAddress {
        token_hash: Binary = Vec<u8>, email: Text = String, email_normalized: Text = String, email_key: Text = String, old_email: Text = String,
        message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    -> BigInt;
    "WITH link AS (
         UPDATE account_links SET used_at = now() WHERE token_hash = $1 AND kind = 'change-email' AND used_at IS NULL AND expires_at > now()
         RETURNING account_id
     ), account AS (
         UPDATE accounts SET email = $2, email_normalized = $3, email_key = $4, email_confirmed_at = now() FROM link
          WHERE id = link.account_id AND accounts.email = $5 AND disabled_at IS NULL
         RETURNING id
     ), links AS (
         UPDATE account_links SET expires_at = now()
          WHERE account_id IN (SELECT id FROM account) AND token_hash <> $1 AND used_at IS NULL AND expires_at > now() AND created_at < now()
     ), messages AS (
         INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
         SELECT account.id, message.id, message.key, message.payload, now()
         FROM account, unnest($6::uuid[], $7::text[], $8::text[]) AS message (id, key, payload)
     )
     SELECT count(*) FROM account"
}

statement! {
    /// Replaces a password and confirms the address, because only its owner has the link. The other links that change the password
    /// or the address stop working. [`EndSessions`] follows in the same transaction.
    struct ResetPassword {
        token_hash: Binary = Vec<u8>, new_hash: Text = String, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
    }
    -> BigInt;
    "WITH link AS (
         UPDATE account_links SET used_at = now() WHERE token_hash = $1 AND kind = 'reset-password' AND used_at IS NULL AND expires_at > now()
         RETURNING account_id, email
     ), account AS (
         UPDATE accounts SET password_hash = $2, email_confirmed_at = coalesce(email_confirmed_at, now()) FROM link
          WHERE id = link.account_id AND accounts.email = link.email AND disabled_at IS NULL
         RETURNING id
     ), links AS (
         UPDATE account_links SET expires_at = now()
          WHERE account_id IN (SELECT id FROM account) AND kind IN ('reset-password', 'change-email') AND token_hash <> $1
            AND used_at IS NULL AND expires_at > now() AND created_at < now()
     ), messages AS (
         INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
         SELECT account.id, message.id, message.key, message.payload, now()
         FROM account, unnest($3::uuid[], $4::text[], $5::text[]) AS message (id, key, payload)
     )
     SELECT count(*) FROM account"
}

statement! {
    struct StopWaitlistMail { account: SqlUuid = Uuid }
    "UPDATE accounts SET notify_waitlist = false WHERE id = $1 AND notify_waitlist"
}

statement! {
    struct StopReminders { account: SqlUuid = Uuid }
    "UPDATE accounts SET notify_reminders = false WHERE id = $1 AND notify_reminders"
}

statement! {
    /// Deletes links that expired more than a day ago, up to a limit. Until then they count as requested e-mail.
    struct DeleteExpiredLinks { max: BigInt = i64 }
    "DELETE FROM account_links WHERE token_hash IN (
         SELECT token_hash FROM account_links WHERE expires_at < now() - interval '1 day' ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
     )"
}

impl Store {
    /// Stores a link and the messages about it. `recipient` is the account that gets it and its address; without one, only the
    /// same work is done.
    pub(crate) async fn insert_link(
        &self,
        kind: LinkKind,
        link: NewLink,
        recipient: Option<(AccountId, String)>,
        messages: Messages,
    ) -> Result<(), DatabaseError> {
        let conn = self.conn().await?;
        let (account, email) = recipient.map(|(account, email)| (account.as_uuid(), email)).unzip();
        let insert = InsertLink {
            token_hash: link.token_hash.to_vec(),
            kind: kind.as_str(),
            account,
            email,
            address_hash: link.address_hash.to_vec(),
            ttl: link.ttl.num_seconds(),
            message_ids: messages.ids,
            keys: messages.keys,
            payloads: messages.payloads,
        };
        committed(conn, async |conn| insert.execute(conn).await).await?;
        Ok(())
    }

    /// Returns the link with this hash of its token, used or not, unless it has expired.
    pub(crate) async fn link(&self, token_hash: [u8; 32]) -> Result<Option<StoredLink>, DatabaseError> {
        let mut conn = self.conn().await?;
        let row: Option<(Uuid, String, String, Option<Timestamp>)> =
            FindLink { token_hash: token_hash.to_vec() }.get_result(&mut conn).await.optional()?;
        Ok(row.and_then(|(account, kind, email, used_at)| {
            let kind = LinkKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
            Some(StoredLink { account: AccountId::from_uuid(account), kind, email, used_at })
        }))
    }

    /// Confirms the address of an account. Returns false if the link was used or has expired, or if the account is disabled or has
    /// another address.
    pub(crate) async fn confirm_email(&self, account: AccountId, token_hash: [u8; 32]) -> Result<bool, DatabaseError> {
        let conn = self.conn().await?;
        let (lock, confirm) = (LockAccount { account: account.as_uuid() }, ConfirmAddress { token_hash: token_hash.to_vec() });
        let confirmed = committed(conn, async |conn| {
            lock.execute(conn).await?;
            confirm.execute(conn).await
        });
        Ok(confirmed.await? > 0)
    }

    /// Changes the address of an account. Returns false as [`confirm_email`](Self::confirm_email) does. Fails if another account has
    /// the address.
    pub(crate) async fn change_email(&self, change: EmailChange) -> Result<bool, InsertError> {
        let conn = self.conn().await?;
        let (lock, keys) = (LockAccount { account: change.account.as_uuid() }, change.email.lookup_keys());
        let update = ChangeAddress {
            token_hash: change.token_hash.to_vec(),
            email: change.email.into_string(),
            email_normalized: keys.lower,
            email_key: keys.key,
            old_email: change.old_email,
            message_ids: change.messages.ids,
            keys: change.messages.keys,
            payloads: change.messages.payloads,
        };
        let changed = committed(conn, async |conn| {
            lock.execute(conn).await?;
            update.get_result::<i64>(conn).await
        });
        Ok(changed.await.map_err(InsertError::of)? > 0)
    }

    /// Replaces a password and ends all sessions of its account. Returns false if the link was used or has expired, or if the
    /// account is disabled or has another address.
    pub(crate) async fn reset_password(&self, reset: PasswordReset) -> Result<bool, DatabaseError> {
        let conn = self.conn().await?;
        let id = reset.account.as_uuid();
        let replace = ResetPassword {
            token_hash: reset.token_hash.to_vec(),
            new_hash: reset.new_hash,
            message_ids: reset.messages.ids,
            keys: reset.messages.keys,
            payloads: reset.messages.payloads,
        };
        let end = EndSessions { reason: "password", account: id, kept: None };
        let changed = committed(conn, async |conn| {
            LockAccount { account: id }.execute(conn).await?;
            let changed: i64 = replace.get_result(conn).await?;
            if changed > 0 {
                end.execute(conn).await?;
            }
            Ok::<_, diesel::result::Error>(changed > 0)
        });
        Ok(changed.await?)
    }

    /// Stops e-mail of one kind to the owner of an account. Does nothing if the account gets none or does not exist.
    pub(crate) async fn unsubscribe(&self, account: AccountId, list: MailingList) -> Result<(), DatabaseError> {
        let (conn, account) = (self.conn().await?, account.as_uuid());
        let stopped = committed(conn, async |conn| match list {
            MailingList::Waitlist => StopWaitlistMail { account }.execute(conn).await,
            MailingList::Reminders => StopReminders { account }.execute(conn).await,
        });
        stopped.await?;
        Ok(())
    }

    /// Deletes up to `max` links that expired more than a day ago. Returns the number deleted.
    pub(crate) async fn delete_expired_links(&self, max: i64) -> Result<usize, DatabaseError> {
        let mut conn = self.conn().await?;
        Ok(DeleteExpiredLinks { max }.execute(&mut conn).await?)
    }
}
