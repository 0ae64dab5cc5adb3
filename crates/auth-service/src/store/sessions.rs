//! Sessions: log-ins that are kept alive by refresh tokens. All times are the database's.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_postgres::{DatabaseError, statement};
use uuid::Uuid;

use super::Store;
use super::accounts::{Account, AccountRow};

/// What a genuine refresh token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) session: SessionId,
    pub(crate) generation: i32,
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// It was good: the account, and the generation of its successor.
    Successor(Account, i32),
    /// It had been used before. Either its owner or a thief holds the successor: the session is over.
    Reused,
    /// The session has ended or expired, or never was.
    Over,
}

statement! {
    /// Makes a session, unless the account is gone.
    struct OpenSession { id: SqlUuid = Uuid, ttl: BigInt = i64, account: SqlUuid = Uuid }
    "INSERT INTO sessions (id, account_id, expires_at)
     SELECT $1, id, now() + $2 * interval '1 second' FROM accounts WHERE id = $3"
}

statement! {
    /// The one conditional update that rotates. Two at once take turns at the row, and the second sees what the first did.
    struct RotateSession { generation: Integer = i32, ttl: BigInt = i64, grace: BigInt = i64, id: SqlUuid = Uuid }
    -> ((SqlUuid, Text, Text, Text, Text, Timestamptz), Integer, Bool);
    "WITH rotated AS (
         UPDATE sessions SET
             generation = CASE WHEN generation = $1 THEN generation + 1 ELSE generation END,
             rotated_at = CASE WHEN generation = $1 THEN now() ELSE rotated_at END,
             expires_at = CASE WHEN generation = $1 THEN now() + $2 * interval '1 second' ELSE expires_at END,
             ended_at = CASE WHEN generation = $1 OR generation = $1 + 1 AND now() < rotated_at + $3 * interval '1 second' THEN NULL ELSE now() END,
             end_reason = CASE WHEN generation = $1 OR generation = $1 + 1 AND now() < rotated_at + $3 * interval '1 second' THEN NULL ELSE 'reuse' END
         WHERE id = $4 AND generation >= $1 AND ended_at IS NULL AND expires_at > now()
         RETURNING account_id, generation, ended_at IS NOT NULL AS reused
     )
     SELECT accounts.id, name, username, email, role, accounts.created_at, generation, reused
     FROM rotated JOIN accounts ON accounts.id = account_id"
}

statement! {
    /// An ended session keeps the time and the reason of its first end.
    struct EndSession { id: SqlUuid = Uuid }
    "UPDATE sessions SET ended_at = now(), end_reason = 'logout' WHERE id = $1 AND ended_at IS NULL"
}

statement! {
    /// Forgets sessions that ran out a day ago, some at a time.
    struct DeleteExpired { most: BigInt = i64 }
    "DELETE FROM sessions WHERE id IN (
         SELECT id FROM sessions WHERE expires_at < now() - interval '1 day' ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
     )"
}

impl Store {
    /// Stores a session of generation 0. False when the account no longer exists.
    pub(crate) async fn open_session(&self, id: SessionId, account: AccountId, ttl: TimeDelta) -> Result<bool, DatabaseError> {
        let mut conn = self.conn().await?;
        let open = OpenSession { id: id.as_uuid(), ttl: ttl.num_seconds(), account: account.as_uuid() };
        Ok(open.execute(&mut conn).await? == 1)
    }

    /// Takes a refresh token and says what its successor is.
    pub(crate) async fn rotate_session(&self, presented: Presented, ttl: TimeDelta, grace: TimeDelta) -> Result<Rotation, DatabaseError> {
        let mut conn = self.conn().await?;
        let rotate = RotateSession {
            generation: presented.generation,
            ttl: ttl.num_seconds(),
            grace: grace.num_seconds(),
            id: presented.session.as_uuid(),
        };
        let row: Option<(AccountRow, i32, bool)> = rotate.get_result(&mut conn).await.optional()?;
        Ok(match row {
            Some((_, _, true)) => Rotation::Reused,
            Some((account, generation, false)) => Rotation::Successor(account.try_into()?, generation),
            None => Rotation::Over,
        })
    }

    /// Ends a session at its owner's wish. It may have ended already.
    pub(crate) async fn end_session(&self, id: SessionId) -> Result<(), DatabaseError> {
        let mut conn = self.conn().await?;
        EndSession { id: id.as_uuid() }.execute(&mut conn).await?;
        Ok(())
    }

    /// Deletes at most so many sessions that ran out a day ago; tells how many there were.
    pub(crate) async fn delete_expired_sessions(&self, most: i64) -> Result<usize, DatabaseError> {
        let mut conn = self.conn().await?;
        Ok(DeleteExpired { most }.execute(&mut conn).await?)
    }
}
