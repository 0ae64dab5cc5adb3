//! Ends expired claims, deletes old rows, and measures the state of webhooks.

use std::time::Duration;

use diesel::sql_types::{BigInt, Double, Text};
use diesel_async::RunQueryDsl;
use rowlock_postgres::{DatabaseError, statement};

use super::super::{BATCH, Store, is_full, millis};
use super::settle::DISABLED_BEFORE_DELIVERY;

statement! {
    /// Makes some of the deliveries due again whose notifier has not settled them in time. Those of a disabled webhook fail.
    struct ExpireRequests { error: Text = &'static str, lease: BigInt = i64, limit: BigInt = i64 }
    "UPDATE webhook_deliveries
     SET status = CASE WHEN expired.disabled_at IS NULL THEN 'pending' ELSE 'failed' END,
         due_at = CASE WHEN expired.disabled_at IS NULL THEN now() END,
         settled_at = CASE WHEN expired.disabled_at IS NOT NULL THEN now() END,
         claimed_at = NULL, error = $1
     FROM (
         SELECT claimed.webhook_id, claimed.message_id, webhooks.disabled_at
         FROM webhooks JOIN webhook_deliveries AS claimed ON claimed.webhook_id = webhooks.id
         WHERE claimed.status = 'sending' AND claimed.claimed_at < now() - $2 * interval '1 millisecond'
         LIMIT $3
         FOR UPDATE OF claimed SKIP LOCKED
     ) AS expired
     WHERE webhook_deliveries.webhook_id = expired.webhook_id AND webhook_deliveries.message_id = expired.message_id"
}

statement! {
    /// Lets some of the pending deliveries of disabled webhooks fail. There are some if a message was stored while its webhook was being
    /// disabled, or if there were more than a batch.
    struct FailForgotten { error: Text = &'static str, limit: BigInt = i64 }
    "UPDATE webhook_deliveries SET status = 'failed', due_at = NULL, settled_at = now(), error = $1
     FROM (
         SELECT pending.webhook_id, pending.message_id
         FROM webhooks JOIN webhook_deliveries AS pending ON pending.webhook_id = webhooks.id
         WHERE webhooks.disabled_at IS NOT NULL AND pending.status = 'pending'
         LIMIT $2
         FOR UPDATE OF pending SKIP LOCKED
     ) AS forgotten
     WHERE webhook_deliveries.webhook_id = forgotten.webhook_id AND webhook_deliveries.message_id = forgotten.message_id"
}

statement! {
    /// Deletes some of the deliveries that were settled before a time.
    struct DeleteOldRequests { keep: BigInt = i64, limit: BigInt = i64 }
    "DELETE FROM webhook_deliveries USING (
         SELECT webhook_id, message_id FROM webhook_deliveries
         WHERE status IN ('delivered', 'failed') AND settled_at < now() - $1 * interval '1 millisecond'
         ORDER BY settled_at LIMIT $2
         FOR UPDATE SKIP LOCKED
     ) AS old
     WHERE webhook_deliveries.webhook_id = old.webhook_id AND webhook_deliveries.message_id = old.message_id"
}

statement! {
    /// Deletes some of the deliveries of deleted webhooks.
    struct DeleteRequestsOfDeleted { limit: BigInt = i64 }
    "DELETE FROM webhook_deliveries USING (
         SELECT webhook_id, message_id FROM webhook_deliveries
         WHERE webhook_id IN (SELECT id FROM webhooks WHERE disabled_reason = 'deleted')
         LIMIT $1
         FOR UPDATE SKIP LOCKED
     ) AS old
     WHERE webhook_deliveries.webhook_id = old.webhook_id AND webhook_deliveries.message_id = old.message_id"
}

statement! {
    /// Deletes the deleted webhooks that have no deliveries left.
    struct DeleteDeleted {}
    "DELETE FROM webhooks WHERE id IN (
         SELECT id FROM webhooks WHERE disabled_reason = 'deleted'
             AND NOT EXISTS (SELECT FROM webhook_deliveries WHERE webhook_deliveries.webhook_id = webhooks.id)
         FOR UPDATE SKIP LOCKED
     )"
}

statement! {
    /// Deletes some of the idempotency keys that are no longer valid, and the secrets that no longer sign.
    struct DeleteOldKeys { limit: BigInt = i64 }
    "DELETE FROM idempotency_keys WHERE (account_id, key) IN (
         SELECT account_id, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
     )"
}

statement! {
    /// Erases the previous secrets that no longer sign.
    struct EraseSecrets {}
    "UPDATE webhooks SET previous_secret = NULL, previous_secret_until = NULL WHERE previous_secret_until < now()"
}

statement! {
    struct ReadWebhookBacklog {} -> (BigInt, BigInt, BigInt, Double);
    "SELECT (SELECT count(*) FROM webhooks WHERE failing_since IS NOT NULL AND disabled_at IS NULL),
            (SELECT count(*) FROM webhooks WHERE disabled_reason IN ('failing', 'gone')),
            (SELECT count(*) FROM webhook_deliveries WHERE status = 'pending'),
            coalesce((
                SELECT extract(epoch FROM now() - min(oldest.due_at))
                FROM webhooks CROSS JOIN LATERAL (
                    SELECT due_at FROM webhook_deliveries
                    WHERE webhook_id = webhooks.id AND status = 'pending' AND due_at <= now() ORDER BY due_at LIMIT 1
                ) AS oldest
                WHERE webhooks.failing_since IS NULL
            ), 0)::float8"
}

/// The state of all webhooks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WebhookBacklog {
    /// Number of enabled webhooks whose last request failed.
    pub(crate) failing: i64,
    /// Number of webhooks that were switched off because of their receiver.
    pub(crate) switched_off: i64,
    /// Number of deliveries that have not been sent.
    pub(crate) pending: i64,
    /// Seconds for which a delivery has been due whose webhook does not fail; 0 if there is none.
    pub(crate) oldest_due_seconds: f64,
}

impl Store {
    /// Makes deliveries due again whose claim is older than `lease`, and lets those of disabled webhooks fail. Returns the number of
    /// expired claims, and whether more may be left.
    pub(crate) async fn expire_requests(&self, lease: Duration) -> Result<(usize, bool), DatabaseError> {
        let error = "the notifier ended before it stored the outcome";
        let expire = ExpireRequests { error, lease: millis(lease), limit: BATCH };
        let expired = self.write(async move |conn| expire.execute(conn).await).await?;
        Ok((expired, is_full(expired)))
    }

    /// Lets pending deliveries of disabled webhooks fail. Returns whether more may be left.
    pub(crate) async fn fail_forgotten_requests(&self) -> Result<bool, DatabaseError> {
        let fail = FailForgotten { error: DISABLED_BEFORE_DELIVERY, limit: BATCH };
        self.write(async move |conn| fail.execute(conn).await).await.map(is_full)
    }

    /// Deletes deliveries that were settled more than `keep` ago, deleted webhooks, and keys and secrets that are no longer valid.
    /// Returns whether more may be left.
    pub(crate) async fn delete_old_requests(&self, keep: Duration) -> Result<bool, DatabaseError> {
        let deleted = self.write(async move |conn| {
            let old = DeleteOldRequests { keep: millis(keep), limit: BATCH }.execute(conn).await?;
            let of_deleted = DeleteRequestsOfDeleted { limit: BATCH }.execute(conn).await?;
            DeleteDeleted {}.execute(conn).await?;
            EraseSecrets {}.execute(conn).await?;
            let keys = DeleteOldKeys { limit: BATCH }.execute(conn).await?;
            Ok(old.max(of_deleted).max(keys))
        });
        deleted.await.map(is_full)
    }

    /// Measures the state of all webhooks.
    pub(crate) async fn webhook_backlog(&self) -> Result<WebhookBacklog, DatabaseError> {
        let (failing, switched_off, pending, oldest_due_seconds) =
            self.reader().run(async |conn| ReadWebhookBacklog {}.get_result(conn).await).await?;
        Ok(WebhookBacklog { failing, switched_off, pending, oldest_due_seconds })
    }
}
