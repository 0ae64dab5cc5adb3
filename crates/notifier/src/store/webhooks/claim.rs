//! Claims due deliveries to webhooks for this notifier.

use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{MessageId, WebhookId};
use rowlock_postgres::{DatabaseError, statement};
use uuid::Uuid;

use super::super::{Store, unsigned};
use crate::webhooks::{ClaimedRequest, FAILURES_BEFORE_PAUSE};

statement! {
    /// Claims the deliveries of each webhook that have been due for the longest time, as many as its limit leaves room for. A webhook
    /// that has failed several times in a row gets one request at a time.
    struct ClaimRequests { failures: Integer = i32, limit: BigInt = i64 }
        -> (SqlUuid, SqlUuid, Text, Integer, Timestamptz, Text, Text, Nullable<Text>, Integer);
    "WITH due AS MATERIALIZED (
         SELECT due.webhook_id, due.message_id, webhooks.url, webhooks.secret, webhooks.failures,
                CASE WHEN webhooks.previous_secret_until > now() THEN webhooks.previous_secret END AS previous_secret
         FROM webhooks
         CROSS JOIN LATERAL (
             SELECT pending.webhook_id, pending.message_id FROM webhook_deliveries AS pending
             WHERE pending.webhook_id = webhooks.id AND pending.status = 'pending' AND pending.due_at <= now()
             ORDER BY pending.due_at
             LIMIT greatest(0, (CASE WHEN webhooks.failures >= $1 THEN 1 ELSE $2 END) - (
                 SELECT count(*) FROM webhook_deliveries AS sending WHERE sending.webhook_id = webhooks.id AND sending.status = 'sending'
             ))
             FOR UPDATE SKIP LOCKED
         ) AS due
         WHERE webhooks.disabled_at IS NULL AND (webhooks.paused_until IS NULL OR webhooks.paused_until <= now())
     )
     UPDATE webhook_deliveries SET status = 'sending', attempts = attempts + 1, due_at = NULL, claimed_at = now()
     FROM due
     WHERE webhook_deliveries.webhook_id = due.webhook_id AND webhook_deliveries.message_id = due.message_id
     RETURNING webhook_deliveries.webhook_id, webhook_deliveries.message_id, webhook_deliveries.body, webhook_deliveries.attempts,
               webhook_deliveries.claimed_at, due.url, due.secret, due.previous_secret, due.failures"
}

type ClaimedRow = (Uuid, Uuid, String, i32, Timestamp, String, String, Option<String>, i32);

impl Store {
    /// Claims due deliveries, so that at most `concurrency` of each webhook are being sent. The claim is committed when this returns.
    pub(crate) async fn claim_requests(&self, concurrency: u16) -> Result<Vec<ClaimedRequest>, DatabaseError> {
        let claim = ClaimRequests { failures: i32::try_from(FAILURES_BEFORE_PAUSE).unwrap_or(i32::MAX), limit: concurrency.into() };
        let rows: Vec<ClaimedRow> = self.write(async move |conn| claim.load(conn).await).await?;
        let claimed = rows.into_iter().map(|(webhook, message, body, attempts, claimed_at, url, secret, previous_secret, failures)| {
            Ok(ClaimedRequest {
                webhook: WebhookId::from_uuid(webhook),
                message: MessageId::from_uuid(message),
                body,
                attempts: unsigned(attempts)?,
                claimed_at,
                url,
                secrets: std::iter::once(secret).chain(previous_secret).collect(),
                failures: unsigned(failures)?,
            })
        });
        claimed.collect::<Result<_, diesel::result::Error>>().map_err(DatabaseError::from)
    }
}
