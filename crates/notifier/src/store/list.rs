//! Lists deliveries and sends them again, for the command line.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, MessageId};
use rowlock_postgres::{DatabaseError, statement};
use serde::Serialize;
use uuid::Uuid;

use super::unsigned;
use crate::delivery::Status;

statement! {
    /// Reads the newest deliveries with one of these statuses.
    struct ListDeliveries { statuses: Array<Text> = Vec<&'static str>, limit: BigInt = i64 }
        -> (SqlUuid, SqlUuid, Text, Text, Text, Integer, Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>, Nullable<Text>);
    "SELECT message_id, recipient, channel, kind, status, attempts, created_at, due_at, settled_at, detail FROM deliveries
     WHERE status = ANY ($1) ORDER BY created_at DESC, message_id, recipient LIMIT $2"
}

statement! {
    /// Makes deliveries of a message pending again that failed or are unclear.
    struct ResendDeliveries { message: SqlUuid = Uuid, recipient: Nullable<SqlUuid> = Option<Uuid> }
    "UPDATE deliveries SET status = 'pending', attempts = 0, due_at = now(), settled_at = NULL, detail = NULL
     WHERE message_id = $1 AND recipient = coalesce($2, recipient) AND status IN ('failed', 'unclear')"
}

/// A delivery as operators see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedDelivery {
    pub(crate) message_id: MessageId,
    pub(crate) recipient: AccountId,
    pub(crate) channel: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) attempts: u32,
    pub(crate) created_at: Timestamp,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) detail: Option<String>,
}

type ListedRow = (Uuid, Uuid, String, String, String, i32, Timestamp, Option<Timestamp>, Option<Timestamp>, Option<String>);

/// Returns the newest deliveries, of one status or of all.
pub(crate) async fn list(conn: &mut AsyncPgConnection, status: Option<Status>, limit: u32) -> Result<Vec<ListedDelivery>, DatabaseError> {
    let statuses = status.map_or_else(|| Status::ALL.to_vec(), |status| vec![status]);
    let statuses = statuses.into_iter().map(Status::as_str).collect();
    let rows: Vec<ListedRow> = ListDeliveries { statuses, limit: limit.into() }.load(conn).await?;
    let listed = rows.into_iter().map(|(message, recipient, channel, kind, status, attempts, created_at, due_at, settled_at, detail)| {
        let (message_id, recipient) = (MessageId::from_uuid(message), AccountId::from_uuid(recipient));
        let attempts = unsigned(attempts)?;
        Ok(ListedDelivery { message_id, recipient, channel, kind, status, attempts, created_at, due_at, settled_at, detail })
    });
    listed.collect::<Result<_, diesel::result::Error>>().map_err(DatabaseError::from)
}

/// Makes the failed and unclear deliveries of a message pending again, those of one recipient or all. Returns their number.
pub(crate) async fn resend(conn: &mut AsyncPgConnection, message: MessageId, recipient: Option<AccountId>) -> Result<usize, DatabaseError> {
    let recipient = recipient.map(AccountId::as_uuid);
    Ok(ResendDeliveries { message: message.as_uuid(), recipient }.execute(conn).await?)
}
