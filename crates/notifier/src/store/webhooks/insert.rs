//! Inserts deliveries to webhooks.

use diesel::QueryResult;
use diesel::sql_types::{Array, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_postgres::{Connection, statement};
use uuid::Uuid;

use crate::webhooks::OfferedMessage;

statement! {
    /// Inserts a delivery for each message and enabled webhook that wants it. Those that exist already stay as they are. Deliveries to a
    /// webhook that was switched off because it failed are recorded as failed, so that they can be sent when its receiver is back.
    ///
    /// The order makes two notifiers that insert the same rows wait for each other instead of deadlocking.
    struct InsertRequests {
        messages: Array<SqlUuid> = Vec<Uuid>,
        types: Array<Text> = Vec<&'static str>,
        events: Array<SqlUuid> = Vec<Uuid>,
        times: Array<Timestamptz> = Vec<Timestamp>,
        bodies: Array<Text> = Vec<String>,
    }
    "INSERT INTO webhook_deliveries (webhook_id, message_id, type, happened_at, body, status, due_at, settled_at, error)
     SELECT webhooks.id, new.message_id, new.type, new.happened_at, new.body,
            CASE WHEN disabled_at IS NULL THEN 'pending' ELSE 'failed' END,
            CASE WHEN disabled_at IS NULL THEN now() END,
            CASE WHEN disabled_at IS NOT NULL THEN now() END,
            CASE WHEN disabled_at IS NOT NULL THEN 'the webhook was switched off because its receiver failed' END
     FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[]) AS new (message_id, type, event_id, happened_at, body)
     JOIN webhooks ON (webhooks.disabled_at IS NULL OR webhooks.disabled_reason = 'failing')
         AND (webhooks.types IS NULL OR new.type = ANY (webhooks.types))
         AND (webhooks.event_id IS NULL OR webhooks.event_id = new.event_id)
     ORDER BY webhooks.id, new.message_id
     ON CONFLICT (webhook_id, message_id) DO NOTHING"
}

/// Inserts the deliveries of messages and returns how many of them are new.
pub(in crate::store) async fn insert_requests(conn: &mut Connection, messages: Vec<OfferedMessage>) -> QueryResult<usize> {
    if messages.is_empty() {
        return Ok(0);
    }
    let insert = InsertRequests {
        messages: messages.iter().map(|message| message.id.as_uuid()).collect(),
        types: messages.iter().map(|message| message.message_type).collect(),
        events: messages.iter().map(|message| message.event.as_uuid()).collect(),
        times: messages.iter().map(|message| message.time).collect(),
        bodies: messages.into_iter().map(|message| message.body).collect(),
    };
    insert.execute(conn).await
}
