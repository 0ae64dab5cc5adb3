//! Rows of webhooks and deliveries, as administrators see them.

use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use uuid::Uuid;

/// The columns of a webhook that administrators see, in the order of [`WebhookColumns`].
macro_rules! webhook_columns {
    () => {
        "id, url, description, types, event_id, failing_since, last_error, disabled_at, disabled_reason,
         CASE WHEN previous_secret_until > now() THEN previous_secret_until END, created_by, created_at"
    };
}
pub(super) use webhook_columns;

/// SQL types of a webhook.
pub(super) type WebhookColumns = (
    SqlUuid,
    Text,
    Nullable<Text>,
    Nullable<Array<Text>>,
    Nullable<SqlUuid>,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Nullable<Timestamptz>,
    SqlUuid,
    Timestamptz,
);

/// A webhook.
#[derive(Debug, Clone, diesel::Queryable)]
pub(crate) struct WebhookRow {
    pub(crate) id: Uuid,
    pub(crate) url: String,
    pub(crate) description: Option<String>,
    pub(crate) types: Option<Vec<String>>,
    pub(crate) event_id: Option<Uuid>,
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
    pub(crate) disabled_at: Option<Timestamp>,
    pub(crate) disabled_reason: Option<String>,
    pub(crate) previous_secret_until: Option<Timestamp>,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: Timestamp,
}

/// The columns of a delivery that administrators see, in the order of [`DeliveryColumns`].
macro_rules! delivery_columns {
    () => {
        "message_id, type, status, attempts, created_at, due_at, settled_at, body,
         attempted_at, request_url, duration_ms, response_status, response_body, error"
    };
}
pub(super) use delivery_columns;

/// SQL types of a delivery.
pub(super) type DeliveryColumns = (
    SqlUuid,
    Text,
    Text,
    Integer,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Text,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Nullable<Integer>,
    Nullable<Integer>,
    Nullable<Text>,
    Nullable<Text>,
);

/// A delivery to a webhook.
#[derive(Debug, Clone, diesel::Queryable)]
pub(crate) struct DeliveryRow {
    pub(crate) message_id: Uuid,
    pub(crate) message_type: String,
    pub(crate) status: String,
    pub(crate) attempts: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) body: String,
    pub(crate) attempted_at: Option<Timestamp>,
    pub(crate) request_url: Option<String>,
    pub(crate) duration_ms: Option<i32>,
    pub(crate) response_status: Option<i32>,
    pub(crate) response_body: Option<String>,
    pub(crate) error: Option<String>,
}
