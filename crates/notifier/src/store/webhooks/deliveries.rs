//! Lists deliveries to webhooks and sends them again.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{MessageId, WebhookId};
use rowlock_postgres::statement;
use uuid::Uuid;

use super::super::{BATCH, is_full};
use super::rows::{DeliveryColumns, DeliveryRow, delivery_columns};
use crate::webhooks::DeliveryStatus;

statement! {
    /// Reads the newest deliveries of a webhook after a cursor. Ids of messages grow with their time.
    struct ListAll { webhook: SqlUuid = Uuid, before: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64 } -> DeliveryColumns;
    concat!(
        "SELECT ", delivery_columns!(), " FROM webhook_deliveries
         WHERE webhook_id = $1 AND ($2::uuid IS NULL OR message_id < $2) ORDER BY message_id DESC LIMIT $3"
    )
}

statement! {
    /// Reads the newest deliveries of a webhook with one of these statuses after a cursor. The index returns those of each status in
    /// order.
    struct ListSome {
        statuses: Array<Text> = Vec<&'static str>,
        webhook: SqlUuid = Uuid,
        before: Nullable<SqlUuid> = Option<Uuid>,
        limit: BigInt = i64,
    } -> DeliveryColumns;
    concat!(
        "SELECT ", delivery_columns!(), " FROM unnest($1::text[]) AS wanted (wanted_status)
         CROSS JOIN LATERAL (
             SELECT * FROM webhook_deliveries
             WHERE webhook_id = $2 AND status = wanted_status AND ($3::uuid IS NULL OR message_id < $3) ORDER BY message_id DESC LIMIT $4
         ) AS listed
         ORDER BY message_id DESC LIMIT $4"
    )
}

statement! {
    struct FindDelivery { webhook: SqlUuid = Uuid, message: SqlUuid = Uuid } -> DeliveryColumns;
    concat!("SELECT ", delivery_columns!(), " FROM webhook_deliveries WHERE webhook_id = $1 AND message_id = $2")
}

statement! {
    /// Ends the pause of a webhook. Returns the time, and a time that makes deliveries due before all others of the webhook.
    struct EndPause { webhook: SqlUuid = Uuid } -> (Timestamptz, Timestamptz);
    "UPDATE webhooks SET paused_until = NULL, resent_at = now() WHERE id = $1
     RETURNING now(), least(now(), (
         SELECT min(due_at) - interval '1 microsecond' FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'pending'
     ))"
}

statement! {
    /// Makes a delivery due at once. One that is being sent stays as it is.
    struct ResendOne { due_at: Timestamptz = Timestamp, webhook: SqlUuid = Uuid, message: SqlUuid = Uuid }
    "UPDATE webhook_deliveries SET status = 'pending', attempts = 0, queued_at = now(), due_at = $1, settled_at = NULL
     WHERE webhook_id = $2 AND message_id = $3 AND status <> 'sending'"
}

statement! {
    /// Makes some of the deliveries of a span of time due that have failed, or also those that were delivered, unless they were made due
    /// after a time.
    struct ResendSome {
        due_at: Timestamptz = Timestamp,
        webhook: SqlUuid = Uuid,
        since: Timestamptz = Timestamp,
        until: Nullable<Timestamptz> = Option<Timestamp>,
        include_delivered: Bool = bool,
        asked_at: Timestamptz = Timestamp,
        limit: BigInt = i64,
    }
    "UPDATE webhook_deliveries SET status = 'pending', attempts = 0, queued_at = now(), due_at = $1, settled_at = NULL
     FROM (
         SELECT webhook_id, message_id FROM webhook_deliveries
         WHERE webhook_id = $2 AND happened_at >= $3 AND ($4::timestamptz IS NULL OR happened_at < $4)
             AND (status = 'failed' OR ($5 AND status = 'delivered')) AND queued_at < $6
         ORDER BY happened_at LIMIT $7
         FOR UPDATE
     ) AS chosen
     WHERE webhook_deliveries.webhook_id = chosen.webhook_id AND webhook_deliveries.message_id = chosen.message_id"
}

/// Which deliveries to send again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResendSpan {
    pub(crate) since: Timestamp,
    pub(crate) until: Option<Timestamp>,
    /// Whether to send also those again that were delivered.
    pub(crate) include_delivered: bool,
}

/// Returns the newest deliveries of a webhook, or those that are older than `before`.
pub(crate) async fn list_deliveries(
    conn: &mut AsyncPgConnection,
    webhook: WebhookId,
    status: Option<DeliveryStatus>,
    before: Option<MessageId>,
    limit: i64,
) -> QueryResult<Vec<DeliveryRow>> {
    let (webhook, before) = (webhook.as_uuid(), before.map(MessageId::as_uuid));
    match status {
        None => ListAll { webhook, before, limit }.load(conn).await,
        Some(status) => ListSome { webhook, statuses: status.columns().to_vec(), before, limit }.load(conn).await,
    }
}

/// Makes a delivery due at once, whatever became of it, before all others and without a pause, and returns it.
pub(crate) async fn resend_one(conn: &mut AsyncPgConnection, webhook: WebhookId, message: MessageId) -> QueryResult<Option<DeliveryRow>> {
    let (webhook, message) = (webhook.as_uuid(), message.as_uuid());
    let ended = EndPause { webhook }.get_result::<(Timestamp, Timestamp)>(conn).await.optional()?;
    let Some((_, due_at)) = ended else { return Ok(None) };
    ResendOne { due_at, webhook, message }.execute(conn).await?;
    FindDelivery { webhook, message }.get_result(conn).await.optional()
}

/// Deliveries that are being sent again, batch by batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resending {
    /// When the first batch was made due.
    asked_at: Timestamp,
    due_at: Timestamp,
    /// The number of deliveries so far.
    pub(crate) count: usize,
    /// Whether there may be more.
    pub(crate) more: bool,
}

/// Makes deliveries due at once whose messages are of a span of time: a batch of them, after those before. The first batch ends the pause
/// of the webhook. Returns `None` if the webhook does not exist.
pub(crate) async fn resend_span(
    conn: &mut AsyncPgConnection,
    webhook: WebhookId,
    span: ResendSpan,
    before: Option<Resending>,
) -> QueryResult<Option<Resending>> {
    let ResendSpan { since, until, include_delivered } = span;
    let webhook = webhook.as_uuid();
    let Resending { asked_at, due_at, count, .. } = if let Some(before) = before {
        before
    } else {
        let ended = EndPause { webhook }.get_result::<(Timestamp, Timestamp)>(conn).await.optional()?;
        let Some((asked_at, due_at)) = ended else { return Ok(None) };
        Resending { asked_at, due_at, count: 0, more: true }
    };
    let batch = ResendSome { due_at, webhook, since, until, include_delivered, asked_at, limit: BATCH }.execute(conn).await?;
    Ok(Some(Resending { asked_at, due_at, count: count.saturating_add(batch), more: is_full(batch) }))
}

/// Returns the statement that reads deliveries with some statuses, whose plan is tested.
#[cfg(test)]
pub(in crate::store) fn newest_of(
    webhook: Uuid,
    statuses: Vec<&'static str>,
) -> impl diesel::query_builder::QueryFragment<diesel::pg::Pg> + Send {
    ListSome { statuses, webhook, before: Some(Uuid::max()), limit: 101 }
}

/// Returns the statement that reads deliveries with any status, whose plan is tested.
#[cfg(test)]
pub(in crate::store) fn newest_of_all(webhook: Uuid) -> impl diesel::query_builder::QueryFragment<diesel::pg::Pg> + Send {
    ListAll { webhook, before: Some(Uuid::max()), limit: 101 }
}
