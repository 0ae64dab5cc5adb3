//! Sessions: logins kept alive by refresh tokens. All times are those of the database server.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::text::IdempotencyKey;
use rowlock_postgres::{DatabaseError, committed, statement};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Store;
use super::accounts::{Account, AccountRow};

/// The content of a refresh token whose signature is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) session: SessionId,
    pub(crate) generation: i32,
}

/// A session that has not ended, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveSession {
    #[schema(value_type = Uuid)]
    pub(crate) id: SessionId,
    #[schema(value_type = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When the session was created or last refreshed.
    #[schema(value_type = DateTime)]
    pub(crate) last_used_at: Timestamp,
    #[schema(value_type = DateTime)]
    pub(crate) expires_at: Timestamp,
    /// The `User-Agent` of the login, cut to 200 characters; null if there was none.
    #[schema(required)]
    pub(crate) user_agent: Option<String>,
}

/// Everything that is stored about a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredSession {
    #[serde(flatten)]
    session: LiveSession,
    #[schema(value_type = Option<DateTime>, required)]
    ended_at: Option<Timestamp>,
    #[schema(required)]
    end_reason: Option<String>,
}

/// Outcome of presenting a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The token is accepted: the account, and the generation of the successor.
    Successor(Account, i32),
    /// The token was superseded longer ago than the grace period. Either the owner or a thief holds the successor, so the
    /// session has been ended.
    Reused,
    /// The session has ended or expired, or never existed.
    Over,
}

statement! {
    /// Inserts a session unless the account does not exist or is disabled, and returns the version of the account. The row lock
    /// on the account excludes disabling: either the session exists in time to be ended, or the account is seen to be disabled.
    struct OpenSession {
        account: SqlUuid = Uuid, id: SqlUuid = Uuid, ttl: BigInt = i64, user_agent: Nullable<Text> = Option<String>, key: Nullable<Text> = Option<String>,
    }
    -> (BigInt,);
    "WITH account AS (
         SELECT id, version FROM accounts WHERE id = $1 AND disabled_at IS NULL FOR SHARE
     ), opened AS (
         INSERT INTO sessions (id, account_id, expires_at, user_agent, login_key)
         SELECT $2, id, now() + $3 * interval '1 second', $4, $5 FROM account
     )
     SELECT version FROM account"
}

statement! {
    /// Locks an account against other logins, so that concurrent logins with one key take turns.
    struct LockAccount { account: SqlUuid = Uuid }
    "SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE"
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
    -> ((SqlUuid, Text, Text, Text, Text, Timestamptz, Nullable<Timestamptz>, BigInt), Integer, Bool);
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
     SELECT accounts.id, name, username, email, role, accounts.created_at, disabled_at, version, generation, reused
     FROM rotated JOIN accounts ON accounts.id = account_id"
}

statement! {
    /// A session that has already ended keeps the time and reason of its end.
    struct EndSession { id: SqlUuid = Uuid }
    "UPDATE sessions SET ended_at = now(), end_reason = 'logout' WHERE id = $1 AND ended_at IS NULL"
}

statement! {
    /// Returns the sessions of an account that have neither ended nor expired, newest first (ids are UUIDv7).
    struct LiveSessions { account: SqlUuid = Uuid, before: Nullable<SqlUuid> = Option<Uuid>, most: BigInt = i64 }
    -> (SqlUuid, Timestamptz, Timestamptz, Timestamptz, Nullable<Text>);
    "SELECT id, created_at, coalesce(rotated_at, created_at), expires_at, user_agent FROM sessions
     WHERE account_id = $1 AND ($2 IS NULL OR id < $2) AND ended_at IS NULL AND expires_at > now()
     ORDER BY id DESC LIMIT $3"
}

statement! {
    struct AllSessions { account: SqlUuid = Uuid }
    -> (SqlUuid, Timestamptz, Timestamptz, Timestamptz, Nullable<Text>, Nullable<Timestamptz>, Nullable<Text>);
    "SELECT id, created_at, coalesce(rotated_at, created_at), expires_at, user_agent, ended_at, end_reason FROM sessions
     WHERE account_id = $1 ORDER BY id DESC"
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
    /// Ends all sessions of an account but one.
    struct EndOtherSessions { account: SqlUuid = Uuid, present: SqlUuid = Uuid }
    "UPDATE sessions SET ended_at = now(), end_reason = 'owner' WHERE account_id = $1 AND id <> $2 AND ended_at IS NULL"
}

statement! {
    /// Deletes sessions that expired more than a day ago, up to a limit.
    struct DeleteExpired { most: BigInt = i64 }
    "DELETE FROM sessions WHERE id IN (
         SELECT id FROM sessions WHERE expires_at < now() - interval '1 day' ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
     )"
}

impl Store {
    /// Inserts a session of generation 0 and returns the current version of the account. A session that was opened with the same
    /// key is ended. Returns `None` if the account does not exist or is disabled.
    pub(crate) async fn open_session(
        &self,
        id: SessionId,
        account: AccountId,
        ttl: TimeDelta,
        user_agent: Option<String>,
        key: Option<IdempotencyKey>,
    ) -> Result<Option<i64>, DatabaseError> {
        let conn = self.conn().await?;
        let (account, key) = (account.as_uuid(), key.map(IdempotencyKey::into_string));
        let open = OpenSession { account, id: id.as_uuid(), ttl: ttl.num_seconds(), user_agent, key: key.clone() };
        let opened = committed(conn, async |conn| {
            if let Some(key) = key {
                LockAccount { account }.execute(conn).await?;
                EndReplacedSession { account, key }.execute(conn).await?;
            }
            open.get_result::<(i64,)>(conn).await.optional()
        });
        Ok(opened.await?.map(|(version,)| version))
    }

    /// Rotates the session of a refresh token. `ttl` is the new lifetime of the session, `grace` the time for which a superseded
    /// token still gets the current successor.
    pub(crate) async fn rotate_session(&self, presented: Presented, ttl: TimeDelta, grace: TimeDelta) -> Result<Rotation, DatabaseError> {
        let conn = self.conn().await?;
        let rotate = RotateSession {
            generation: presented.generation,
            ttl: ttl.num_seconds(),
            grace: grace.num_seconds(),
            id: presented.session.as_uuid(),
        };
        let row: Option<(AccountRow, i32, bool)> = committed(conn, async |conn| rotate.get_result(conn).await.optional()).await?;
        Ok(match row {
            Some((_, _, true)) => Rotation::Reused,
            Some((account, generation, false)) => Rotation::Successor(account.try_into()?, generation),
            None => Rotation::Over,
        })
    }

    /// Ends a session at its owner's request. Does nothing if it has already ended.
    pub(crate) async fn end_session(&self, id: SessionId) -> Result<(), DatabaseError> {
        let (conn, end) = (self.conn().await?, EndSession { id: id.as_uuid() });
        committed(conn, async |conn| end.execute(conn).await).await?;
        Ok(())
    }

    /// Returns the live sessions of an account created before `before`, newest first: one more than `limit`, so that the caller
    /// can tell whether there are more.
    pub(crate) async fn sessions(
        &self,
        account: AccountId,
        before: Option<SessionId>,
        limit: i64,
    ) -> Result<Vec<LiveSession>, DatabaseError> {
        let mut conn = self.conn().await?;
        let live = LiveSessions { account: account.as_uuid(), before: before.map(SessionId::as_uuid), most: limit + 1 };
        let rows: Vec<(Uuid, Timestamp, Timestamp, Timestamp, Option<String>)> = live.load(&mut conn).await?;
        let session = |(id, created_at, last_used_at, expires_at, user_agent)| LiveSession {
            id: SessionId::from_uuid(id),
            created_at,
            last_used_at,
            expires_at,
            user_agent,
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Returns all sessions of an account that are still stored, newest first.
    pub(crate) async fn all_sessions(&self, account: AccountId) -> Result<Vec<StoredSession>, DatabaseError> {
        type Row = (Uuid, Timestamp, Timestamp, Timestamp, Option<String>, Option<Timestamp>, Option<String>);
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = AllSessions { account: account.as_uuid() }.load(&mut conn).await?;
        let session = |(id, created_at, last_used_at, expires_at, user_agent, ended_at, end_reason)| StoredSession {
            session: LiveSession { id: SessionId::from_uuid(id), created_at, last_used_at, expires_at, user_agent },
            ended_at,
            end_reason,
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Ends a session of an account. Returns false if the account has no session with this id.
    pub(crate) async fn end_own_session(&self, account: AccountId, id: SessionId) -> Result<bool, DatabaseError> {
        let (conn, end) = (self.conn().await?, EndOwnSession { id: id.as_uuid(), account: account.as_uuid() });
        let found: i64 = committed(conn, async |conn| end.get_result(conn).await).await?;
        Ok(found > 0)
    }

    /// Ends all sessions of an account except `present`.
    pub(crate) async fn end_other_sessions(&self, account: AccountId, present: SessionId) -> Result<(), DatabaseError> {
        let (conn, end) = (self.conn().await?, EndOtherSessions { account: account.as_uuid(), present: present.as_uuid() });
        committed(conn, async |conn| end.execute(conn).await).await?;
        Ok(())
    }

    /// Deletes up to `most` sessions that expired more than a day ago. Returns the number deleted.
    pub(crate) async fn delete_expired_sessions(&self, most: i64) -> Result<usize, DatabaseError> {
        let mut conn = self.conn().await?;
        Ok(DeleteExpired { most }.execute(&mut conn).await?)
    }
}
