//! Lists of the sessions of an account.

use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_postgres::{DatabaseError, statement};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Store;

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

statement! {
    /// Returns the sessions of an account that have neither ended nor expired, newest first (ids are UUIDv7).
    struct LiveSessions { account: SqlUuid = Uuid, before: Nullable<SqlUuid> = Option<Uuid>, max: BigInt = i64 }
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

impl Store {
    /// Returns the live sessions of an account created before `before`, newest first: one more than `limit`, so that the caller
    /// can tell whether there are more.
    pub(crate) async fn sessions(
        &self,
        account: AccountId,
        before: Option<SessionId>,
        limit: i64,
    ) -> Result<Vec<LiveSession>, DatabaseError> {
        let mut conn = self.conn().await?;
        let live = LiveSessions { account: account.as_uuid(), before: before.map(SessionId::as_uuid), max: limit + 1 };
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
}
