//! Ends expired claims, deletes old rows, and measures the state of webhooks.

use std::time::Duration;

use diesel::sql_types::{BigInt, Double, Text};
use diesel_async::RunQueryDsl;
use rowlock_postgres::{DatabaseError, statement};

use super::super::{Store, millis};
use super::settle::DISABLED_BEFORE_DELIVERY;

statement! {
    /// Makes deliveries due again whose notifier has not settled them in time. Those of a disabled webhook fail.
    struct ExpireRequests { error: Text = &'static str, lease: BigInt = i64 }
    "UPDATE webhook_deliveries
     SET status = CASE WHEN webhooks.disabled_at IS NULL THEN 'pending' ELSE 'failed' END,
         due_at = CASE WHEN webhooks.disabled_at IS NULL THEN now() END,
         settled_at = CASE WHEN webhooks.disabled_at IS NOT NULL THEN now() END,
         claimed_at = NULL, error = $1
     FROM webhooks
     WHERE webhooks.id = webhook_deliveries.webhook_id AND webhook_deliveries.status = 'sending'
         AND webhook_deliveries.claimed_at < now() - $2 * interval '1 millisecond'"
}

statement! {
    /// Lets pending deliveries of disabled webhooks fail. A message can be stored while its webhook is being disabled.
    struct FailForgotten { error: Text = &'static str }
    "UPDATE webhook_deliveries SET status = 'failed', due_at = NULL, settled_at = now(), error = $1
     FROM webhooks
     WHERE webhooks.id = webhook_deliveries.webhook_id AND webhooks.disabled_at IS NOT NULL AND webhook_deliveries.status = 'pending'"
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
                SELECT extract(epoch FROM now() - min(due_at))
                FROM webhook_deliveries JOIN webhooks ON webhooks.id = webhook_deliveries.webhook_id
                WHERE webhook_deliveries.status = 'pending' AND due_at <= now() AND failing_since IS NULL
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

/// Maximum number of rows that are deleted in one transaction.
const DELETE_LIMIT: i64 = 5_000;

impl Store {
    /// Makes the deliveries due again whose claim is older than `lease`, and lets those of disabled webhooks fail. Returns the number of
    /// expired claims.
    pub(crate) async fn expire_requests(&self, lease: Duration) -> Result<usize, DatabaseError> {
        let error = "the notifier ended before it stored the outcome";
        self.write(async move |conn| {
            FailForgotten { error: DISABLED_BEFORE_DELIVERY }.execute(conn).await?;
            ExpireRequests { error, lease: millis(lease) }.execute(conn).await
        })
        .await
    }

    /// Deletes deliveries that were settled more than `keep` ago, deleted webhooks, and keys and secrets that are no longer valid.
    /// Returns whether more may be left.
    pub(crate) async fn delete_old_requests(&self, keep: Duration) -> Result<bool, DatabaseError> {
        let deleted = self.write(async move |conn| {
            let old = DeleteOldRequests { keep: millis(keep), limit: DELETE_LIMIT }.execute(conn).await?;
            let of_deleted = DeleteRequestsOfDeleted { limit: DELETE_LIMIT }.execute(conn).await?;
            DeleteDeleted {}.execute(conn).await?;
            EraseSecrets {}.execute(conn).await?;
            let keys = DeleteOldKeys { limit: DELETE_LIMIT }.execute(conn).await?;
            Ok(old.max(of_deleted).max(keys))
        });
        Ok(i64::try_from(deleted.await?).is_ok_and(|deleted| deleted == DELETE_LIMIT))
    }

    /// Measures the state of all webhooks.
    pub(crate) async fn webhook_backlog(&self) -> Result<WebhookBacklog, DatabaseError> {
        let (failing, switched_off, pending, oldest_due_seconds) =
            self.reader().run(async |conn| ReadWebhookBacklog {}.get_result(conn).await).await?;
        Ok(WebhookBacklog { failing, switched_off, pending, oldest_due_seconds })
    }
}
