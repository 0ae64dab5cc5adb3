//! Lists deliveries and sends them again, for the command line and for administrators.

use chrono::Datelike;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, MessageId};
use rowlock_postgres::{DatabaseError, statement};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::webhooks::ChangeError;
use super::{BATCH, is_full, unsigned};
use crate::delivery::Status;

/// The columns of a listed delivery, in the order of [`ListedColumns`].
macro_rules! listed_columns {
    () => {
        "message_id, recipient, channel, kind, status, attempts, created_at, due_at, settled_at, detail"
    };
}

/// SQL types of a listed delivery.
type ListedColumns =
    (SqlUuid, SqlUuid, Text, Text, Text, Integer, Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>, Nullable<Text>);

statement! {
    /// Reads the newest deliveries with one of these statuses after a position. The index returns those of each status in order.
    struct ListDeliveries {
        statuses: Array<Text> = Vec<&'static str>,
        created_at: Nullable<Timestamptz> = Option<Timestamp>,
        message: Nullable<SqlUuid> = Option<Uuid>,
        recipient: Nullable<SqlUuid> = Option<Uuid>,
        limit: BigInt = i64,
    } -> ListedColumns;
    concat!(
        "SELECT ", listed_columns!(), " FROM unnest($1::text[]) AS wanted (wanted_status)
         CROSS JOIN LATERAL (
             SELECT * FROM deliveries
             WHERE status = wanted_status AND created_at <= coalesce($2::timestamptz, 'infinity')
                 AND (created_at < coalesce($2::timestamptz, 'infinity') OR (message_id, recipient) > ($3::uuid, $4::uuid))
             ORDER BY created_at DESC, message_id, recipient LIMIT $5
         ) AS listed
         ORDER BY created_at DESC, message_id, recipient LIMIT $5"
    )
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

statement! {
    /// Locks and returns the delivery of a message to a recipient.
    struct LockDelivery { message: SqlUuid = Uuid, recipient: SqlUuid = Uuid } -> ListedColumns;
    concat!("SELECT ", listed_columns!(), " FROM deliveries WHERE message_id = $1 AND recipient = $2 AND channel = 'email' FOR UPDATE")
}

/// A delivery as operators and administrators see it.
#[derive(Debug, Clone, Serialize)]
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

impl ListedDelivery {
    fn of_row(row: ListedRow) -> QueryResult<Self> {
        let (message, recipient, channel, kind, status, attempts, created_at, due_at, settled_at, detail) = row;
        let (message_id, recipient) = (MessageId::from_uuid(message), AccountId::from_uuid(recipient));
        let attempts = unsigned(attempts)?;
        Ok(Self { message_id, recipient, channel, kind, status, attempts, created_at, due_at, settled_at, detail })
    }

    /// Returns the position of the delivery in the list.
    pub(crate) const fn position(&self) -> DeliveryPosition {
        DeliveryPosition { created_at: self.created_at, message: self.message_id, recipient: self.recipient }
    }

    /// Returns whether the delivery failed or is unclear. Only such deliveries are sent again.
    fn needs_decision(&self) -> bool {
        Status::NEEDING_DECISION.iter().any(|status| status.as_str() == self.status)
    }
}

/// The position in the list of deliveries after which a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeliveryPosition {
    #[serde(deserialize_with = "deserialize_storable")]
    created_at: Timestamp,
    message: MessageId,
    recipient: AccountId,
}

/// Deserializes a time that the database can store. Positions come from clients, who may have forged them.
fn deserialize_storable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let time = Timestamp::deserialize(deserializer)?;
    if (1970..=9999).contains(&time.year()) { Ok(time) } else { Err(D::Error::custom("out of range")) }
}

/// Returns the newest deliveries with one of these statuses, or those after a position.
pub(crate) async fn list(
    conn: &mut AsyncPgConnection,
    statuses: &[Status],
    after: Option<DeliveryPosition>,
    limit: i64,
) -> QueryResult<Vec<ListedDelivery>> {
    let list = ListDeliveries {
        statuses: statuses.iter().map(|status| status.as_str()).collect(),
        created_at: after.map(|position| position.created_at),
        message: after.map(|position| position.message.as_uuid()),
        recipient: after.map(|position| position.recipient.as_uuid()),
        limit,
    };
    let rows: Vec<ListedRow> = list.load(conn).await?;
    rows.into_iter().map(ListedDelivery::of_row).collect()
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

/// A delivery that is pending again.
#[derive(Debug)]
pub(crate) struct ResentDelivery {
    /// The delivery when it failed or became unclear.
    pub(crate) before: ListedDelivery,
    /// The delivery now.
    pub(crate) after: ListedDelivery,
}

/// Makes the delivery of a message to a recipient pending again. Call it in a transaction. The refusal says that there is no such
/// delivery, or that it is neither failed nor unclear.
pub(crate) async fn resend_to(
    conn: &mut AsyncPgConnection,
    message: MessageId,
    recipient: AccountId,
) -> QueryResult<Result<ResentDelivery, ChangeError>> {
    let (message, recipient) = (message.as_uuid(), recipient.as_uuid());
    let find = LockDelivery { message, recipient };
    let Some(before) = find.clone().get_result::<ListedRow>(conn).await.optional()? else { return Ok(Err(ChangeError::MailNotFound)) };
    let before = ListedDelivery::of_row(before)?;
    if !before.needs_decision() {
        return Ok(Err(ChangeError::MailNotFailed(before.status)));
    }
    ResendDeliveries { message, recipient: Some(recipient), limit: BATCH }.execute(conn).await?;
    let after = ListedDelivery::of_row(find.get_result(conn).await?)?;
    Ok(Ok(ResentDelivery { before, after }))
}

/// Returns the statement that reads deliveries, whose plan is tested.
#[cfg(test)]
pub(super) fn newest(
    statuses: Vec<&'static str>,
    created_at: Option<Timestamp>,
) -> impl diesel::query_builder::QueryFragment<diesel::pg::Pg> + Send {
    let id = created_at.map(|_| Uuid::nil());
    ListDeliveries { statuses, created_at, message: id, recipient: id, limit: 101 }
}

#[cfg(test)]
mod tests {
    use rowlock_http::{decode_cursor, encode_cursor};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_position_is_kept_to_the_microsecond_and_a_forged_one_is_refused() {
        let created_at = Timestamp::from_timestamp_micros(1_795_803_600_123_457).unwrap();
        let position = DeliveryPosition {
            created_at,
            message: MessageId::from_uuid(Uuid::from_u128(1)),
            recipient: AccountId::from_uuid(Uuid::from_u128(2)),
        };
        assert_eq!(decode_cursor(&encode_cursor(&position)), Some(position));
        let forged =
            |year: &str| json!({"created_at": format!("{year}-01-01T00:00:00Z"), "message": Uuid::nil(), "recipient": Uuid::nil()});
        assert!(decode_cursor::<DeliveryPosition>(&encode_cursor(&forged("2026"))).is_some());
        assert!(decode_cursor::<DeliveryPosition>(&encode_cursor(&forged("-0001"))).is_none());
        assert!(decode_cursor::<DeliveryPosition>(&encode_cursor(&forged("+99999"))).is_none());
    }
}
