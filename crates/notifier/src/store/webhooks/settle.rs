//! Stores what became of claimed deliveries to webhooks, and switches off webhooks that fail.
//!
//! The row of the webhook is locked before that of a delivery.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_postgres::{Connection, DatabaseError, statement};
use uuid::Uuid;

use super::super::{BATCH, Store, millis};
use crate::delivery::Kind;
use crate::webhooks::{DisabledReason, Sent};

statement! {
    /// Ends the failures of a webhook.
    struct RecordSuccess { webhook: SqlUuid = Uuid }
    "UPDATE webhooks SET failures = 0, failing_since = NULL, last_error = NULL, paused_until = NULL, last_success_at = now()
     WHERE id = $1 AND (failures > 0 OR last_success_at IS NULL OR last_success_at < now() - interval '1 minute')"
}

statement! {
    /// Counts a failed attempt of a webhook. Returns whether it is disabled. An attempt that began before an administrator had messages
    /// sent again leads to no pause, because the messages are to be sent at once.
    struct RecordFailure {
        error: Text = String,
        pause: Nullable<BigInt> = Option<i64>,
        claimed_at: Timestamptz = Timestamp,
        webhook: SqlUuid = Uuid,
    } -> Bool;
    "UPDATE webhooks
     SET failures = failures + 1, failing_since = coalesce(failing_since, now()), last_error = $1,
         paused_until = CASE WHEN $2::bigint IS NOT NULL AND (resent_at IS NULL OR resent_at < $3) THEN now() + $2 * interval '1 millisecond' END
     WHERE id = $4
     RETURNING disabled_at IS NOT NULL"
}

statement! {
    /// Marks a claimed delivery as delivered. A delivery whose claim has meanwhile ended stays as it is.
    struct MarkDelivered {
        claimed_at: Timestamptz = Timestamp,
        url: Text = String,
        duration: Integer = i32,
        response: Nullable<Integer> = Option<i32>,
        body: Nullable<Text> = Option<String>,
        webhook: SqlUuid = Uuid,
        message: SqlUuid = Uuid,
    }
    "UPDATE webhook_deliveries
     SET status = 'delivered', claimed_at = NULL, settled_at = now(), error = NULL,
         attempted_at = $1, request_url = $2, duration_ms = $3, response_status = $4, response_body = $5
     WHERE webhook_id = $6 AND message_id = $7 AND status = 'sending' AND claimed_at = $1"
}

statement! {
    /// Makes a claimed delivery pending again, or lets it fail. Returns whether it has failed because it is too old, and the webhook has
    /// failed all the time: a delivery can also be old because no notifier ran, or because the webhook had another URL.
    struct MarkFailed {
        claimed_at: Timestamptz = Timestamp,
        url: Text = String,
        duration: Integer = i32,
        response: Nullable<Integer> = Option<i32>,
        body: Nullable<Text> = Option<String>,
        error: Text = String,
        delay: BigInt = i64,
        give_up_after: BigInt = i64,
        fails: Bool = bool,
        webhook: SqlUuid = Uuid,
        message: SqlUuid = Uuid,
        failing_for: BigInt = i64,
    } -> Bool;
    "UPDATE webhook_deliveries
     SET attempted_at = $1, request_url = $2, duration_ms = $3, response_status = $4, response_body = $5, error = $6, claimed_at = NULL,
         status = CASE WHEN decided.fails THEN 'failed' ELSE 'pending' END,
         settled_at = CASE WHEN decided.fails THEN now() END,
         due_at = CASE WHEN NOT decided.fails THEN now() + $7 * interval '1 millisecond' END
     FROM (
         SELECT webhook_id, message_id, queued_at + $8 * interval '1 millisecond' <= now() AS too_old,
                $9 OR queued_at + $8 * interval '1 millisecond' <= now() AS fails
         FROM webhook_deliveries WHERE webhook_id = $10 AND message_id = $11
     ) AS decided
     WHERE webhook_deliveries.webhook_id = decided.webhook_id AND webhook_deliveries.message_id = decided.message_id
         AND webhook_deliveries.status = 'sending' AND webhook_deliveries.claimed_at = $1
     RETURNING decided.too_old AND EXISTS (
         SELECT FROM webhooks
         WHERE webhooks.id = decided.webhook_id AND webhooks.failing_since <= now() - $12 * interval '1 millisecond'
             AND (webhooks.last_success_at IS NULL OR webhooks.last_success_at < webhook_deliveries.queued_at)
     )"
}

statement! {
    /// Disables a webhook that is enabled.
    pub(super) struct DisableWebhook { reason: Text = &'static str, webhook: SqlUuid = Uuid }
    "UPDATE webhooks SET disabled_at = now(), disabled_reason = $1 WHERE id = $2 AND disabled_at IS NULL"
}

statement! {
    /// Lets pending deliveries of a webhook fail. Of more than a batch, housekeeping lets the others fail; as the webhook is disabled,
    /// they are not sent.
    pub(super) struct FailPending { error: Text = &'static str, webhook: SqlUuid = Uuid, limit: BigInt = i64 }
    "UPDATE webhook_deliveries SET status = 'failed', due_at = NULL, settled_at = now(), error = $1
     FROM (
         SELECT webhook_id, message_id FROM webhook_deliveries WHERE webhook_id = $2 AND status = 'pending' LIMIT $3 FOR UPDATE
     ) AS pending
     WHERE webhook_deliveries.webhook_id = pending.webhook_id AND webhook_deliveries.message_id = pending.message_id"
}

statement! {
    /// Stores the mail that tells the creator of a webhook why it was switched off.
    struct TellCreator { kind: Text = &'static str, webhook: SqlUuid = Uuid }
    "INSERT INTO deliveries (message_id, recipient, channel, kind, urgent, data, status, due_at)
     SELECT gen_random_uuid(), created_by, 'email', $1, false,
            jsonb_build_object('url', url, 'description', description, 'reason', disabled_reason, 'lastError', last_error), 'pending', now()
     FROM webhooks WHERE id = $2"
}

/// The error of deliveries that were pending when their webhook was disabled.
pub(super) const DISABLED_BEFORE_DELIVERY: &str = "the webhook was disabled before this message was delivered";

impl Store {
    /// Stores an attempt. Returns the reason if the webhook was switched off because of it. Storing it again makes no difference to
    /// the delivery.
    pub(crate) async fn settle_request(&self, sent: &Sent) -> Result<Option<DisabledReason>, DatabaseError> {
        self.write(async move |conn| match sent.error() {
            None => settle_success(conn, sent).await.map(|()| None),
            Some(error) => settle_failure(conn, sent, error).await,
        })
        .await
    }
}

/// Returns the time that an attempt took in milliseconds, and the status and the body of the response.
fn response(sent: &Sent) -> (i32, Option<i32>, Option<String>) {
    let duration = i32::try_from(sent.attempt.took.as_millis()).unwrap_or(i32::MAX);
    let answer = sent.attempt.result.as_ref().ok();
    (duration, answer.map(|answer| answer.status.into()), answer.map(|answer| answer.body.clone()))
}

async fn settle_success(conn: &mut Connection, sent: &Sent) -> QueryResult<()> {
    RecordSuccess { webhook: sent.webhook.as_uuid() }.execute(conn).await?;
    let (duration, response, body) = response(sent);
    let (webhook, message, claimed_at, url) = (sent.webhook.as_uuid(), sent.message.as_uuid(), sent.claimed_at, sent.url.clone());
    MarkDelivered { claimed_at, url, duration, response, body, webhook, message }.execute(conn).await?;
    Ok(())
}

async fn settle_failure(conn: &mut Connection, sent: &Sent, error: String) -> QueryResult<Option<DisabledReason>> {
    let (webhook, message, claimed_at, url) = (sent.webhook.as_uuid(), sent.message.as_uuid(), sent.claimed_at, sent.url.clone());
    let pause = sent.rule.pause.map(millis);
    let record = RecordFailure { webhook, error: error.clone(), pause, claimed_at };
    // A webhook that was deleted in the meantime may be gone with its deliveries.
    let Some(is_disabled) = record.get_result::<bool>(conn).await.optional()? else { return Ok(None) };
    let (duration, response, body) = response(sent);
    let (give_up_after, delay) = (millis(sent.rule.give_up_after), millis(sent.rule.delay));
    let fails = is_disabled || sent.is_gone();
    let failing_for = millis(sent.rule.failing_for);
    let mark = MarkFailed { claimed_at, url, duration, response, body, error, delay, give_up_after, fails, webhook, message, failing_for };
    let has_failed_for_long = mark.get_result::<bool>(conn).await.optional()?.unwrap_or(false);
    let reason = match (is_disabled, sent.is_gone(), has_failed_for_long) {
        (false, true, _) => DisabledReason::Gone,
        (false, false, true) => DisabledReason::Failing,
        _ => return Ok(None),
    };
    DisableWebhook { webhook, reason: reason.as_str() }.execute(conn).await?;
    FailPending { webhook, error: DISABLED_BEFORE_DELIVERY, limit: BATCH }.execute(conn).await?;
    TellCreator { webhook, kind: Kind::WebhookDisabled.as_str() }.execute(conn).await?;
    Ok(Some(reason))
}
