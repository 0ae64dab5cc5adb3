//! Sessions: logins kept alive by refresh tokens. All times are those of the database server.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::text::IdempotencyKey;
use rowlock_postgres::{DatabaseError, committed, statement};
use uuid::Uuid;

use super::Store;
use super::accounts::{Account, AccountRow, state_of};
use super::second_factor::{SecondFactorProof, is_repeated_login, use_code};

/// The content of a refresh token whose signature is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefreshTokenClaims {
    pub(crate) session: SessionId,
    pub(crate) generation: i32,
}

/// A session to open.
#[derive(Debug)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) account: Account,
    /// The hash that the password of the account must still have.
    pub(crate) hash: String,
    pub(crate) ttl: TimeDelta,
    pub(crate) user_agent: Option<String>,
    /// The `Idempotency-Key` of the login.
    pub(crate) key: Option<IdempotencyKey>,
    /// The code of the second factor, which counts as used.
    pub(crate) proof: Option<SecondFactorProof>,
}

/// Outcome of opening a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OpenedSession {
    /// The session is open. Contains the account as it is now.
    Open(Account),
    /// The code of the second factor is wrong or was used before.
    WrongCode,
    /// The account does not exist, is disabled, has another password hash, or has enabled a second factor meanwhile.
    Rejected,
}

/// Outcome of presenting a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RefreshOutcome {
    /// The token is accepted: the account, and the generation of the successor.
    Successor(Account, i32),
    /// The token was superseded longer ago than the grace period. Either the owner or a thief holds the successor, so the
    /// session has been ended.
    Reused,
    /// The session has ended or expired, or never existed.
    Ended,
}

statement! {
    /// Inserts a session unless the account does not exist, is disabled, has another password hash, or needs a second factor that is
    /// missing, and returns the version of the account and its role of an administrator. The row lock on the account excludes
    /// disabling and changing the password: either the session exists in time to be ended, or the account is seen to be disabled
    /// or changed. In the same way, the role is that of the version.
    struct OpenSession {
        account: SqlUuid = Uuid, hash: Text = String, id: SqlUuid = Uuid, ttl: BigInt = i64, user_agent: Nullable<Text> = Option<String>, key: Nullable<Text> = Option<String>,
        second_factor: Nullable<Binary> = Option<Vec<u8>>,
    }
    -> (BigInt, Text);
    "WITH account AS (
         SELECT id, version, admin_role FROM accounts
         WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL AND (totp_enabled_at IS NULL OR $7 IS NOT NULL) FOR SHARE
     ), opened AS (
         INSERT INTO sessions (id, account_id, expires_at, user_agent, login_key, second_factor)
         SELECT $3, id, now() + $4 * interval '1 second', $5, $6, $7 FROM account
     )
     SELECT version, admin_role FROM account"
}

statement! {
    /// Locks an account against other logins, so that concurrent logins with one key take turns.
    pub(super) struct LockAccount { account: SqlUuid = Uuid }
    "SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE"
}

statement! {
    /// Locks an account as [`LockAccount`] does if it can open a session. Affects no row if the account does not exist, is disabled or
    /// has another password hash.
    struct LockForLogin { account: SqlUuid = Uuid, hash: Text = String }
    "SELECT FROM accounts WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL FOR NO KEY UPDATE"
}

statement! {
    /// Ends the session that an earlier login with the same key has opened within 24 hours, and takes the key from it. The row
    /// stays, because the revocation list is read from the ended sessions.
    struct EndReplacedSession { account: SqlUuid = Uuid, key: Text = String }
    "UPDATE sessions SET login_key = NULL,
         ended_at = CASE WHEN created_at > now() - interval '24 hours' THEN coalesce(ended_at, now()) ELSE ended_at END,
         end_reason = CASE WHEN created_at > now() - interval '24 hours' THEN coalesce(end_reason, 'replaced') ELSE end_reason END
      WHERE account_id = $1 AND login_key = $2"
}

statement! {
    /// Rotates a refresh token in one conditional update. Concurrent rotations of a session take turns at its row lock, and each
    /// sees what the one before did.
    ///
    /// `superseded_at` ends with the time at which the generation before the current one was superseded. That equals
    /// `rotated_at`, unless a service of the previous version rotated last; then only `rotated_at` is known. The array keeps the
    /// times within the grace period, at most 50.
    struct RotateSession { generation: Integer = i32, ttl: BigInt = i64, grace: BigInt = i64, id: SqlUuid = Uuid }
    -> ((SqlUuid, Text, Text, Text, Text, Text, Timestamptz, Nullable<Timestamptz>, BigInt, Text, Nullable<Timestamptz>, Bool, Bool, Nullable<Timestamptz>), Integer, Bool);
    "WITH rotated AS (
         UPDATE sessions SET
             generation = CASE WHEN generation = $1 THEN generation + 1 ELSE generation END,
             rotated_at = CASE WHEN generation = $1 THEN now() ELSE rotated_at END,
             expires_at = CASE WHEN generation = $1 THEN now() + $2 * interval '1 second' ELSE expires_at END,
             superseded_at = CASE
                 WHEN generation <> $1 THEN superseded_at
                 WHEN superseded_at[cardinality(superseded_at)] = rotated_at THEN
                     array(SELECT at FROM unnest(superseded_at) WITH ORDINALITY AS s (at, n)
                            WHERE at > now() - $3 * interval '1 second' AND n > cardinality(superseded_at) - 49 ORDER BY n) || now()
                 ELSE ARRAY[now()] END,
             ended_at = CASE WHEN generation = $1 OR now() < $3 * interval '1 second' + CASE
                 WHEN superseded_at[cardinality(superseded_at)] = rotated_at THEN superseded_at[cardinality(superseded_at) - (generation - 1 - $1)]
                 WHEN generation = $1 + 1 THEN rotated_at END THEN NULL ELSE now() END,
             end_reason = CASE WHEN generation = $1 OR now() < $3 * interval '1 second' + CASE
                 WHEN superseded_at[cardinality(superseded_at)] = rotated_at THEN superseded_at[cardinality(superseded_at) - (generation - 1 - $1)]
                 WHEN generation = $1 + 1 THEN rotated_at END THEN NULL ELSE 'reuse' END
         WHERE id = $4 AND generation >= $1 AND ended_at IS NULL AND expires_at > now()
           AND EXISTS (SELECT FROM accounts WHERE accounts.id = account_id AND disabled_at IS NULL)
         RETURNING account_id, generation, ended_at IS NOT NULL AS reused
     )
     SELECT accounts.id, name, username, email, role, admin_role, accounts.created_at, disabled_at, version, language, totp_enabled_at,
            notify_waitlist, notify_reminders, email_confirmed_at, generation, reused
     FROM rotated JOIN accounts ON accounts.id = account_id"
}

statement! {
    /// A session that has already ended keeps the time and reason of its end.
    struct EndSession { id: SqlUuid = Uuid }
    "UPDATE sessions SET ended_at = now(), end_reason = 'logout' WHERE id = $1 AND ended_at IS NULL"
}

statement! {
    /// Ends a session and returns 1 if the account has one with this id, even if it had already ended.
    struct EndOwnSession { id: SqlUuid = Uuid, account: SqlUuid = Uuid } -> BigInt;
    "WITH found AS (SELECT id FROM sessions WHERE id = $1 AND account_id = $2), ended AS (
         UPDATE sessions SET ended_at = now(), end_reason = 'owner' WHERE id IN (SELECT id FROM found) AND ended_at IS NULL
     )
     SELECT count(*) FROM found"
}

statement! {
    /// Ends all sessions of an account, or all but one. If this belongs to a change of the account, it follows that change in the
    /// same transaction as a separate statement, because it needs a snapshot taken while the account's row is locked: a login that
    /// committed just before has opened another session.
    pub(super) struct EndSessions { reason: Text = &'static str, account: SqlUuid = Uuid, kept: Nullable<SqlUuid> = Option<Uuid> }
    "UPDATE sessions SET ended_at = now(), end_reason = $1 WHERE account_id = $2 AND ended_at IS NULL AND id IS DISTINCT FROM $3"
}

statement! {
    /// Deletes sessions that expired more than a day ago, up to a limit.
    struct DeleteExpired { max: BigInt = i64 }
    "DELETE FROM sessions WHERE id IN (
         SELECT id FROM sessions WHERE expires_at < now() - interval '1 day' ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
     )"
}

impl Store {
    /// Inserts a session of generation 0 and returns the account with its current version and role of an administrator. A session
    /// that was opened with the same key is ended. The session is rejected if the account does not exist, is disabled, has another
    /// password hash or needs a second factor that is missing.
    pub(crate) async fn open_session(
        &self,
        NewSession { id, account, hash, ttl, user_agent, key, proof }: NewSession,
    ) -> Result<OpenedSession, DatabaseError> {
        let conn = self.conn().await?;
        let (account_id, key) = (account.id.as_uuid(), key.map(IdempotencyKey::into_string));
        let lock = (key.is_some() || proof.is_some()).then(|| LockForLogin { account: account_id, hash: hash.clone() });
        let open = OpenSession {
            account: account_id,
            hash,
            id: id.as_uuid(),
            ttl: ttl.num_seconds(),
            user_agent,
            key: key.clone(),
            second_factor: proof.as_ref().map(|proof| proof.code_hash.to_vec()),
        };
        let opened = committed(conn, async |conn| {
            // This comes first, so that a login that is rejected spends no code and ends no session.
            if let Some(lock) = lock
                && lock.execute(conn).await? == 0
            {
                return Ok(Some(None));
            }
            if let Some(proof) = &proof
                && !use_code(conn, account_id, proof).await?
                && !is_repeated_login(conn, account_id, key.as_ref(), proof).await?
            {
                return Ok(None);
            }
            if let Some(key) = key {
                EndReplacedSession { account: account_id, key }.execute(conn).await?;
            }
            Ok::<_, Error>(Some(open.get_result::<(i64, String)>(conn).await.optional()?))
        });
        let (version, admin_role) = match opened.await? {
            None => return Ok(OpenedSession::WrongCode),
            Some(None) => return Ok(OpenedSession::Rejected),
            Some(Some(row)) => row,
        };
        let admin_role = account.admin_role.map(|_| state_of(&admin_role)).transpose()?;
        Ok(OpenedSession::Open(Account { admin_role, version, ..account }))
    }

    /// Rotates the session of a refresh token. `ttl` is the new lifetime of the session, `grace` the time for which a superseded
    /// token still gets the current successor.
    pub(crate) async fn rotate_session(
        &self,
        claims: RefreshTokenClaims,
        ttl: TimeDelta,
        grace: TimeDelta,
    ) -> Result<RefreshOutcome, DatabaseError> {
        let conn = self.conn().await?;
        let rotate = RotateSession {
            generation: claims.generation,
            ttl: ttl.num_seconds(),
            grace: grace.num_seconds(),
            id: claims.session.as_uuid(),
        };
        let row: Option<(AccountRow, i32, bool)> = committed(conn, async |conn| rotate.get_result(conn).await.optional()).await?;
        Ok(match row {
            Some((_, _, true)) => RefreshOutcome::Reused,
            Some((account, generation, false)) => RefreshOutcome::Successor(account.try_into()?, generation),
            None => RefreshOutcome::Ended,
        })
    }

    /// Ends a session at its owner's request. Does nothing if it has already ended.
    pub(crate) async fn end_session(&self, id: SessionId) -> Result<(), DatabaseError> {
        let (conn, end) = (self.conn().await?, EndSession { id: id.as_uuid() });
        committed(conn, async |conn| end.execute(conn).await).await?;
        Ok(())
    }

    /// Ends a session of an account. Returns false if the account has no session with this id.
    pub(crate) async fn end_own_session(&self, account: AccountId, id: SessionId) -> Result<bool, DatabaseError> {
        let (conn, end) = (self.conn().await?, EndOwnSession { id: id.as_uuid(), account: account.as_uuid() });
        let found: i64 = committed(conn, async |conn| end.get_result(conn).await).await?;
        Ok(found > 0)
    }

    /// Ends all sessions of an account, except `kept` if there is one.
    pub(crate) async fn end_sessions(&self, account: AccountId, kept: Option<SessionId>) -> Result<(), DatabaseError> {
        let (conn, end) =
            (self.conn().await?, EndSessions { reason: "owner", account: account.as_uuid(), kept: kept.map(SessionId::as_uuid) });
        committed(conn, async |conn| end.execute(conn).await).await?;
        Ok(())
    }

    /// Deletes up to `max` sessions that expired more than a day ago. Returns the number deleted.
    pub(crate) async fn delete_expired_sessions(&self, max: i64) -> Result<usize, DatabaseError> {
        let mut conn = self.conn().await?;
        Ok(DeleteExpired { max }.execute(&mut conn).await?)
    }
}
