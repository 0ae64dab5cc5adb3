//! Stores what became of claimed deliveries.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_postgres::{DatabaseError, statement};
use uuid::Uuid;

use super::{Store, millis};
use crate::delivery::Settlement;

statement! {
    /// Settles claimed deliveries. A delivery whose claim has meanwhile ended stays as it is.
    struct SettleDeliveries {
        messages: Array<SqlUuid> = Vec<Uuid>,
        recipients: Array<SqlUuid> = Vec<Uuid>,
        claims: Array<Timestamptz> = Vec<Timestamp>,
        statuses: Array<Text> = Vec<&'static str>,
        attempts: Array<Integer> = Vec<i32>,
        delays: Array<BigInt> = Vec<i64>,
        details: Array<Nullable<Text>> = Vec<Option<String>>,
    }
    "UPDATE deliveries
     SET status = settled.status,
         attempts = settled.attempts,
         claimed_at = NULL,
         due_at = CASE WHEN settled.status = 'pending' THEN now() + settled.delay * interval '1 millisecond' END,
         settled_at = CASE WHEN settled.status <> 'pending' THEN now() END,
         detail = settled.detail
     FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::integer[], $6::bigint[], $7::text[])
         AS settled (message_id, recipient, claimed_at, status, attempts, delay, detail)
     WHERE deliveries.message_id = settled.message_id AND deliveries.recipient = settled.recipient AND deliveries.channel = 'email'
         AND deliveries.status = 'sending' AND deliveries.claimed_at = settled.claimed_at"
}

impl Store {
    /// Stores settlements in one transaction. Storing them again makes no difference.
    pub(crate) async fn settle(&self, settlements: &[Settlement]) -> Result<(), DatabaseError> {
        let settle = SettleDeliveries {
            messages: settlements.iter().map(|settlement| settlement.key.message.as_uuid()).collect(),
            recipients: settlements.iter().map(|settlement| settlement.key.recipient.as_uuid()).collect(),
            claims: settlements.iter().map(|settlement| settlement.claimed_at).collect(),
            statuses: settlements.iter().map(|settlement| settlement.status.as_str()).collect(),
            attempts: settlements.iter().map(|settlement| i32::try_from(settlement.attempts).unwrap_or(i32::MAX)).collect(),
            delays: settlements.iter().map(|settlement| millis(settlement.delay)).collect(),
            details: settlements.iter().map(|settlement| settlement.detail.clone()).collect(),
        };
        self.write(async move |conn| settle.execute(conn).await).await.map(|_| ())
    }
}
