//! Lists deliveries to webhooks and sends them again.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{MessageId, WebhookId};
use rowlock_postgres::statement;
use uuid::Uuid;

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
    /// Reads the newest deliveries of a webhook with one of these statuses after a cursor.
    struct ListSome {
        webhook: SqlUuid = Uuid,
        statuses: Array<Text> = Vec<&'static str>,
        before: Nullable<SqlUuid> = Option<Uuid>,
        limit: BigInt = i64,
    } -> DeliveryColumns;
    concat!(
        "SELECT ", delivery_columns!(), " FROM webhook_deliveries
         WHERE webhook_id = $1 AND status = ANY ($2) AND ($3::uuid IS NULL OR message_id < $3) ORDER BY message_id DESC LIMIT $4"
    )
}

statement! {
    struct FindDelivery { webhook: SqlUuid = Uuid, message: SqlUuid = Uuid } -> DeliveryColumns;
    concat!("SELECT ", delivery_columns!(), " FROM webhook_deliveries WHERE webhook_id = $1 AND message_id = $2")
}

statement! {
    /// Makes a delivery due at once. One that is being sent stays as it is.
    struct ResendOne { webhook: SqlUuid = Uuid, message: SqlUuid = Uuid }
    "UPDATE webhook_deliveries SET status = 'pending', attempts = 0, queued_at = now(), due_at = now(), settled_at = NULL
     WHERE webhook_id = $1 AND message_id = $2 AND status <> 'sending'"
}

statement! {
    /// Makes the deliveries of a span of time due that have failed, or also those that were delivered.
    struct ResendSome {
        webhook: SqlUuid = Uuid,
        since: Timestamptz = Timestamp,
        until: Nullable<Timestamptz> = Option<Timestamp>,
        include_delivered: Bool = bool,
    }
    "UPDATE webhook_deliveries SET status = 'pending', attempts = 0, queued_at = now(), due_at = now(), settled_at = NULL
     WHERE webhook_id = $1 AND happened_at >= $2 AND ($3::timestamptz IS NULL OR happened_at < $3)
         AND (status = 'failed' OR ($4 AND status = 'delivered'))"
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

/// Makes a delivery due at once, whatever became of it, and returns it.
pub(crate) async fn resend_one(conn: &mut AsyncPgConnection, webhook: WebhookId, message: MessageId) -> QueryResult<Option<DeliveryRow>> {
    let (webhook, message) = (webhook.as_uuid(), message.as_uuid());
    ResendOne { webhook, message }.execute(conn).await?;
    FindDelivery { webhook, message }.get_result(conn).await.optional()
}

/// Makes deliveries due whose messages are of a span of time. Returns their number.
pub(crate) async fn resend_span(conn: &mut AsyncPgConnection, webhook: WebhookId, span: ResendSpan) -> QueryResult<usize> {
    let ResendSpan { since, until, include_delivered } = span;
    ResendSome { webhook: webhook.as_uuid(), since, until, include_delivered }.execute(conn).await
}
