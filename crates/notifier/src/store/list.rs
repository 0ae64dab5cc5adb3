//! Lists deliveries and sends them again, for the command line.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, MessageId};
use rowlock_postgres::{DatabaseError, statement};
use serde::Serialize;
use uuid::Uuid;

use super::{BATCH, is_full, unsigned};
use crate::delivery::Status;

statement! {
    /// Reads the newest deliveries with one of these statuses. The index returns those of each status in order.
    struct ListDeliveries { statuses: Array<Text> = Vec<&'static str>, limit: BigInt = i64 }
        -> (SqlUuid, SqlUuid, Text, Text, Text, Integer, Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>, Nullable<Text>);
    "SELECT listed.message_id, listed.recipient, listed.channel, listed.kind, listed.status, listed.attempts, listed.created_at, listed.due_at,
         listed.settled_at, listed.detail
     FROM unnest($1::text[]) AS wanted (status)
     CROSS JOIN LATERAL (
         SELECT * FROM deliveries WHERE deliveries.status = wanted.status ORDER BY created_at DESC, message_id, recipient LIMIT $2
     ) AS listed
     ORDER BY listed.created_at DESC, listed.message_id, listed.recipient LIMIT $2"
}

statement! {
    /// Makes some of the deliveries of a message pending again that failed or are unclear.
    struct ResendDeliveries { message: SqlUuid = Uuid, recipient: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64 }
    "UPDATE deliveries SET status = 'pending', attempts = 0, due_at = now(), settled_at = NULL, detail = NULL
     FROM (
         SELECT message_id, recipient, channel FROM deliveries
         WHERE message_id = $1 AND recipient = coalesce($2, recipient) AND status IN ('failed', 'unclear')
         ORDER BY recipient LIMIT $3
         FOR UPDATE
     ) AS settled
     WHERE deliveries.message_id = settled.message_id AND deliveries.recipient = settled.recipient
         AND deliveries.channel = settled.channel"
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
    let resend = ResendDeliveries { message: message.as_uuid(), recipient, limit: BATCH };
    let mut count = 0_usize;
    loop {
        let batch = resend.clone().execute(conn).await?;
        count = count.saturating_add(batch);
        if !is_full(batch) {
            return Ok(count);
        }
    }
}

/// Returns the statement that reads deliveries, whose plan is tested.
#[cfg(test)]
pub(super) fn newest(statuses: Vec<&'static str>, limit: i64) -> impl diesel::query_builder::QueryFragment<diesel::pg::Pg> + Send {
    ListDeliveries { statuses, limit }
}
