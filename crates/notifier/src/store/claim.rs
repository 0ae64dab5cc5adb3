//! Claims due deliveries for this notifier.

use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, MessageId, WaitlistEntryId};
use rowlock_postgres::{DatabaseError, statement};
use serde_json::Value;
use uuid::Uuid;

use super::{Store, unsigned};
use crate::delivery::{ClaimedDelivery, DeliveryKey};

statement! {
    /// Claims the deliveries that have been due for the longest time. Rows that another notifier is claiming are skipped.
    struct ClaimDeliveries { urgent: Bool = bool, limit: BigInt = i64 }
        -> (SqlUuid, SqlUuid, Text, Jsonb, Nullable<SqlUuid>, Nullable<SqlUuid>, Integer, Timestamptz);
    "UPDATE deliveries SET status = 'sending', due_at = NULL, claimed_at = now()
     FROM (
         SELECT message_id, recipient, channel FROM deliveries
         WHERE status = 'pending' AND urgent = $1 AND due_at <= now()
         ORDER BY due_at LIMIT $2
         FOR UPDATE SKIP LOCKED
     ) AS due
     WHERE deliveries.message_id = due.message_id AND deliveries.recipient = due.recipient AND deliveries.channel = due.channel
     RETURNING deliveries.message_id, deliveries.recipient, deliveries.kind, deliveries.data,
         deliveries.booking_id, deliveries.waitlist_entry_id, deliveries.attempts, deliveries.claimed_at"
}

type ClaimedRow = (Uuid, Uuid, String, Value, Option<Uuid>, Option<Uuid>, i32, Timestamp);

impl Store {
    /// Claims up to `limit` due deliveries, urgent ones first. The claim is committed when this returns.
    pub(crate) async fn claim(&self, limit: usize) -> Result<Vec<ClaimedDelivery>, DatabaseError> {
        let mut claimed = self.claim_some(true, limit).await?;
        if claimed.len() < limit {
            claimed.extend(self.claim_some(false, limit.saturating_sub(claimed.len())).await?);
        }
        Ok(claimed)
    }

    async fn claim_some(&self, urgent: bool, limit: usize) -> Result<Vec<ClaimedDelivery>, DatabaseError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<ClaimedRow> = self.write(async move |conn| ClaimDeliveries { urgent, limit }.load(conn).await).await?;
        let claimed = rows.into_iter().map(|(message, recipient, kind, data, booking, entry, attempts, claimed_at)| {
            let key = DeliveryKey { message: MessageId::from_uuid(message), recipient: AccountId::from_uuid(recipient) };
            let (booking, entry) = (booking.map(BookingId::from_uuid), entry.map(WaitlistEntryId::from_uuid));
            Ok(ClaimedDelivery { key, kind, data, booking, entry, attempts: unsigned(attempts)?, claimed_at })
        });
        claimed.collect::<Result<_, diesel::result::Error>>().map_err(DatabaseError::from)
    }
}
