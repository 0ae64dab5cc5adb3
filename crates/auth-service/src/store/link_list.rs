//! The list of the links that were sent by e-mail to the owner of an account.

use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_postgres::{DatabaseError, statement};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Store;

/// A link that was sent by e-mail. Its token is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SentLink {
    /// `confirm-email`, `change-email`, `reset-password`, or `already-registered` for e-mail without a link.
    kind: String,
    /// The address that the e-mail was sent to.
    email: String,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    used_at: Option<Timestamp>,
}

statement! {
    struct SentLinks { account: SqlUuid = Uuid }
    -> (Text, Text, Timestamptz, Timestamptz, Nullable<Timestamptz>);
    "SELECT kind, email, created_at, expires_at, used_at FROM account_links
     WHERE account_id = $1 AND email IS NOT NULL ORDER BY created_at DESC, token_hash"
}

impl Store {
    /// Returns the links of an account that are still stored, newest first.
    pub(crate) async fn sent_links(&self, account: AccountId) -> Result<Vec<SentLink>, DatabaseError> {
        type Row = (String, String, Timestamp, Timestamp, Option<Timestamp>);
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = SentLinks { account: account.as_uuid() }.load(&mut conn).await?;
        let link = |(kind, email, created_at, expires_at, used_at)| SentLink { kind, email, created_at, expires_at, used_at };
        Ok(rows.into_iter().map(link).collect())
    }
}
