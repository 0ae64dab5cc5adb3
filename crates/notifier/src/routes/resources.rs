//! Webhooks and deliveries in responses.

use rowlock_domain::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields::MessageType;
use crate::store::webhooks::{DeliveryRow, WebhookRow};
use crate::webhooks::{DeliveryStatus, DisabledReason};

/// Whether a webhook gets messages: `active`, `failing` if its last request failed, or `disabled`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum WebhookStatus {
    Active,
    Failing,
    Disabled,
}

/// Why a webhook is disabled: an `administrator` disabled it, it was `failing` for a day, or its receiver responded 410 (`gone`).
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum WebhookDisabledReason {
    Administrator,
    Failing,
    Gone,
}

impl WebhookDisabledReason {
    fn of_name(name: &str) -> Option<Self> {
        DisabledReason::ALL.into_iter().find(|reason| reason.as_str() == name).map(|reason| match reason {
            DisabledReason::Administrator => Self::Administrator,
            DisabledReason::Failing => Self::Failing,
            DisabledReason::Gone => Self::Gone,
        })
    }
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookResource {
    id: Uuid,
    /// The URL that gets the messages.
    #[schema(pattern = "^https?://")]
    url: String,
    #[schema(required)]
    description: Option<String>,
    /// The types of messages that the webhook gets; null for all.
    #[schema(value_type = Option<Vec<MessageType>>, required)]
    types: Option<Vec<String>>,
    /// The event whose messages the webhook gets; null for all events.
    #[schema(required)]
    event_id: Option<Uuid>,
    status: WebhookStatus,
    /// When a request failed for the first time since the last success; null if the last request succeeded.
    #[schema(value_type = Option<DateTime>, required)]
    failing_since: Option<Timestamp>,
    /// Why the last request failed; null if it succeeded.
    #[schema(required)]
    last_error: Option<String>,
    #[schema(value_type = Option<DateTime>, required)]
    disabled_at: Option<Timestamp>,
    #[schema(required)]
    disabled_reason: Option<WebhookDisabledReason>,
    /// The time until which requests are signed with the previous secret as well; null if there is none.
    #[schema(value_type = Option<DateTime>, required)]
    previous_secret_until: Option<Timestamp>,
    /// The account that created the webhook. It gets a mail when the webhook is switched off.
    created_by: Uuid,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
}

impl From<WebhookRow> for WebhookResource {
    fn from(row: WebhookRow) -> Self {
        let status = match (row.disabled_at, row.failing_since) {
            (Some(_), _) => WebhookStatus::Disabled,
            (None, Some(_)) => WebhookStatus::Failing,
            (None, None) => WebhookStatus::Active,
        };
        Self {
            id: row.id,
            url: row.url,
            description: row.description,
            types: row.types,
            event_id: row.event_id,
            status,
            failing_since: row.failing_since,
            last_error: row.last_error,
            disabled_at: row.disabled_at,
            disabled_reason: row.disabled_reason.as_deref().and_then(WebhookDisabledReason::of_name),
            previous_secret_until: row.previous_secret_until,
            created_by: row.created_by,
            created_at: row.created_at,
        }
    }
}

/// A webhook with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub(super) struct SecretResource {
    #[serde(flatten)]
    webhook: WebhookResource,
    /// The secret that verifies requests. It is shown only in this response.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/]{43}=$")]
    secret: String,
}

impl SecretResource {
    pub(super) fn new(row: WebhookRow, secret: &str) -> Self {
        Self { webhook: row.into(), secret: secret.to_owned() }
    }
}

/// Whether a receiver has taken a message: it is `pending`, `delivered`, or has `failed`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = WebhookDeliveryStatus)]
#[serde(rename_all = "lowercase")]
pub(super) enum StatusResource {
    Pending,
    Delivered,
    Failed,
}

/// The last attempt to send a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttemptResource {
    #[schema(value_type = DateTime)]
    at: Timestamp,
    /// The URL at that time.
    #[schema(pattern = "^https?://")]
    url: String,
    /// Time that the attempt took, in milliseconds.
    duration_ms: i32,
    /// The HTTP status of the response; null if there was none.
    #[schema(required, minimum = 100, maximum = 999)]
    response_status: Option<i32>,
    /// The first 1,024 bytes of the body of the response; null if there was none.
    #[schema(required)]
    response_body: Option<String>,
}

/// A message on its way to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryResource {
    /// The id of the message, which is also the header `webhook-id` of every request.
    id: Uuid,
    #[schema(value_type = MessageType)]
    r#type: String,
    status: StatusResource,
    /// Number of attempts since the message was stored or was sent again on request.
    attempts: i32,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    /// When a pending message is sent; null while it is being sent, and once it is delivered or has failed.
    #[schema(value_type = Option<DateTime>, required)]
    next_attempt_at: Option<Timestamp>,
    /// When the message was delivered or failed.
    #[schema(value_type = Option<DateTime>, required)]
    settled_at: Option<Timestamp>,
    /// The body of the requests: `type`, `timestamp` and `data`.
    #[schema(value_type = Object)]
    payload: Value,
    /// Why the last attempt failed, or why there was none; null if it succeeded.
    #[schema(required)]
    error: Option<String>,
    #[schema(required)]
    last_attempt: Option<AttemptResource>,
}

impl From<DeliveryRow> for DeliveryResource {
    fn from(row: DeliveryRow) -> Self {
        let status = match row.status.as_str() {
            delivered if delivered == DeliveryStatus::Delivered.as_str() => StatusResource::Delivered,
            failed if failed == DeliveryStatus::Failed.as_str() => StatusResource::Failed,
            _ => StatusResource::Pending,
        };
        let attempt = row.attempted_at.zip(row.request_url).zip(row.duration_ms);
        let last_attempt = attempt.map(|((at, url), duration_ms)| AttemptResource {
            at,
            url,
            duration_ms,
            response_status: row.response_status,
            response_body: row.response_body,
        });
        Self {
            id: row.message_id,
            r#type: row.message_type,
            status,
            attempts: row.attempts,
            created_at: row.created_at,
            next_attempt_at: row.due_at,
            settled_at: row.settled_at,
            payload: serde_json::from_str(&row.body).unwrap_or_default(),
            error: row.error,
            last_attempt,
        }
    }
}
