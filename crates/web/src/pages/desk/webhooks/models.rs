//! The documents of the routes for webhooks, and their words.

use chrono_tz::Tz;
use fluent_bundle::FluentValue;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, MessageId, WebhookId};
use rowlock_locale::Locale;
use serde::Deserialize;

use crate::api::Call;
use crate::error::PageError;
use crate::visitor::Visitor;

/// The types of messages by subject: the id of its name, and the types.
pub(super) const TYPES: [(&str, &[&str]); 3] = [
    ("webhook-about-tickets", &["booking.reserved", "booking.confirmed", "booking.expired", "booking.reduced", "booking.cancelled"]),
    (
        "webhook-about-waiting-lists",
        &[
            "waitlist.joined",
            "waitlist.promoted",
            "waitlist.offered",
            "waitlist.left",
            "waitlist.changed",
            "waitlist.closed",
            "waitlist.reopened",
        ],
    ),
    ("webhook-about-events", &["event.created", "event.updated", "event.cancelled", "event.deleted"]),
];

/// Most types that a cell of a table names. Of more, it shows the number.
const MAX_NAMED_TYPES: usize = 3;

/// A server to which messages are handed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    pub(super) id: WebhookId,
    pub(super) url: String,
    pub(super) description: Option<String>,
    /// Absent for all types.
    pub(super) types: Option<Vec<String>>,
    /// Absent for all events.
    pub(super) event_id: Option<EventId>,
    status: WebhookStatus,
    failing_since: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    disabled_at: Option<Timestamp>,
    disabled_reason: Option<String>,
    pub(super) previous_secret_until: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WebhookStatus {
    Active,
    Failing,
    Disabled,
}

/// A status in words.
pub(super) struct StatusWords {
    pub(super) text: String,
    /// Why it is so.
    pub(super) reason: Option<String>,
    /// Class of the color: `good`, `warn` or `bad`.
    pub(super) kind: &'static str,
}

impl Webhook {
    /// Reads a webhook.
    pub(super) async fn read(visitor: &Visitor, id: WebhookId) -> Result<Self, PageError> {
        visitor.call(Call::get(&format!("/admin/webhooks/{id}"))).await
    }

    /// Returns the description, or the URL if there is none.
    pub(super) fn name(&self) -> &str {
        self.description.as_deref().filter(|text| !text.is_empty()).unwrap_or(&self.url)
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.status == WebhookStatus::Disabled
    }

    /// Returns the status in words.
    pub(super) fn status(&self, locale: &Locale) -> StatusWords {
        let since = |id: &str, at: Option<Timestamp>| match at {
            Some(at) => locale.with(&format!("{id}-since"), [("time", utc(locale, at).into())]),
            None => locale.text(id),
        };
        match self.status {
            WebhookStatus::Active => StatusWords { text: locale.text("webhook-active"), reason: None, kind: "good" },
            WebhookStatus::Failing => StatusWords { text: since("webhook-failing", self.failing_since), reason: None, kind: "warn" },
            WebhookStatus::Disabled => {
                let reason = self.disabled_reason.as_deref().unwrap_or_default();
                let reason = locale.optional(&format!("webhook-disabled-reason-{reason}"));
                StatusWords { text: since("webhook-disabled", self.disabled_at), reason, kind: "bad" }
            }
        }
    }
}

/// The name of a type of messages in words.
pub(super) fn type_text(locale: &Locale, name: &str) -> String {
    locale.optional(&format!("webhook-type-{}", name.replace('.', "-"))).unwrap_or_else(|| name.to_owned())
}

/// Returns the types of messages of a webhook in a few words.
pub(super) fn types_text(locale: &Locale, webhook: &Webhook) -> String {
    match &webhook.types {
        None => locale.text("webhook-all-types"),
        Some(types) if types.len() > MAX_NAMED_TYPES => {
            let count = i64::try_from(types.len()).unwrap_or_default();
            locale.with("webhook-some-types", [("count", FluentValue::from(count))])
        }
        Some(types) => types.iter().map(|name| type_text(locale, name)).collect::<Vec<_>>().join(", "),
    }
}

/// Formats a time of the log, which is about machines in any time zone.
pub(super) fn utc(locale: &Locale, at: Timestamp) -> String {
    format!("{}\u{a0}UTC", locale.date_time(at, Tz::UTC))
}

/// A message on its way to a webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    pub(super) id: MessageId,
    #[serde(rename = "type")]
    pub(super) message_type: String,
    status: DeliveryStatus,
    pub(super) attempts: i64,
    pub(super) created_at: Timestamp,
    next_attempt_at: Option<Timestamp>,
    payload: serde_json::Value,
    pub(super) last_attempt: Option<Attempt>,
    /// Why the last attempt failed, or why there was none.
    pub(super) error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DeliveryStatus {
    Pending,
    Delivered,
    Failed,
}

/// An attempt to send a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attempt {
    pub(super) at: Timestamp,
    pub(super) url: String,
    pub(super) duration_ms: i64,
    /// Absent if there was no response.
    pub(super) response_status: Option<i64>,
    pub(super) response_body: Option<String>,
}

impl Delivery {
    /// Returns the body of the request, with a line for each member.
    pub(super) fn body(&self) -> String {
        serde_json::to_string_pretty(&self.payload).unwrap_or_default()
    }

    /// Returns the status in words.
    pub(super) fn status(&self, locale: &Locale) -> StatusWords {
        let (id, kind) = match self.status {
            DeliveryStatus::Pending => ("delivery-pending", "quiet"),
            DeliveryStatus::Delivered => ("delivery-delivered", "good"),
            DeliveryStatus::Failed => ("delivery-failed", "bad"),
        };
        let reason = self.next_attempt_at.filter(|_| self.status == DeliveryStatus::Pending);
        let reason = reason.map(|at| locale.with("delivery-next-attempt", [("time", utc(locale, at).into())]));
        StatusWords { text: locale.text(id), reason, kind }
    }
}

#[cfg(test)]
mod tests {
    use rowlock_domain::messages::WEBHOOK_TYPES;

    use super::TYPES;

    #[test]
    fn every_type_of_messages_can_be_chosen_and_has_a_name_in_each_language() {
        let chosen: Vec<_> = TYPES.iter().flat_map(|(_, types)| *types).copied().collect();
        assert_eq!(chosen, WEBHOOK_TYPES);
        for (language, texts) in
            [("en", include_str!("../../../../locales/en/webhooks.ftl")), ("de", include_str!("../../../../locales/de/webhooks.ftl"))]
        {
            for name in WEBHOOK_TYPES {
                let id = format!("webhook-type-{} = ", name.replace('.', "-"));
                assert!(texts.lines().any(|line| line.starts_with(&id)), "{id}is missing in {language}");
            }
        }
    }
}
