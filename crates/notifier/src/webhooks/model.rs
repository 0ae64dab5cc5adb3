//! Messages that are offered to webhooks, and deliveries on their way.

use std::str::FromStr;
use std::time::Duration;

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, MessageId, WebhookId};
use rowlock_domain::messages::WebhookMessage;
use serde::Serialize;
use serde_json::value::RawValue;

use super::client::Attempt;

/// A message that webhooks can get, with the body that is sent.
#[derive(Debug, Clone)]
pub(crate) struct OfferedMessage {
    pub(crate) id: MessageId,
    pub(crate) message_type: &'static str,
    pub(crate) event: EventId,
    pub(crate) time: Timestamp,
    pub(crate) body: String,
}

/// The body of a request, in the form that Standard Webhooks recommends.
#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'static str,
    timestamp: String,
    data: &'a RawValue,
}

impl TryFrom<WebhookMessage<'_>> for OfferedMessage {
    type Error = serde_json::Error;

    fn try_from(message: WebhookMessage<'_>) -> Result<Self, serde_json::Error> {
        let WebhookMessage { id, message_type, event, time, data } = message;
        let timestamp = time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let body = serde_json::to_string(&Payload { r#type: message_type, timestamp, data })?;
        Ok(Self { id, message_type, event, time, body })
    }
}

/// The reason why a webhook is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DisabledReason {
    /// An administrator disabled it.
    Administrator,
    /// For a day, all attempts failed.
    Failing,
    /// The receiver responded 410.
    Gone,
}

impl DisabledReason {
    /// All reasons.
    pub(crate) const ALL: [Self; 3] = [Self::Administrator, Self::Failing, Self::Gone];

    /// Returns the name in the column `disabled_reason`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }
}

/// The status of a delivery, as administrators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryStatus {
    /// It is being sent, or is sent or tried again when it is due.
    Pending,
    /// The receiver responded with a status from 200 to 299.
    Delivered,
    /// The receiver did not take it for a day, or the webhook was disabled.
    Failed,
}

impl DeliveryStatus {
    /// All statuses.
    pub(crate) const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// Returns the name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Returns the values of the column `status`.
    pub(crate) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Pending => &["pending", "sending"],
            Self::Delivered => &["delivered"],
            Self::Failed => &["failed"],
        }
    }
}

impl FromStr for DeliveryStatus {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| format!("must be one of {}", names()))
    }
}

/// A delivery that this notifier has claimed.
#[derive(Debug, Clone)]
pub(crate) struct ClaimedRequest {
    pub(crate) webhook: WebhookId,
    pub(crate) message: MessageId,
    pub(crate) body: String,
    /// Number of attempts, including this one.
    pub(crate) attempts: u32,
    /// Identifies the claim.
    pub(crate) claimed_at: Timestamp,
    pub(crate) url: String,
    /// The sealed secrets that sign the request, the current one first.
    pub(crate) secrets: Vec<String>,
    /// Number of failed attempts of the webhook in a row, before this one.
    pub(crate) failures: u32,
}

/// When a delivery is tried again, and how long its webhook pauses, if the attempt failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PauseRule {
    /// Time until the delivery is tried again.
    pub(crate) delay: Duration,
    /// Time in which nothing is sent to the webhook.
    pub(crate) pause: Option<Duration>,
    /// Time after which the delivery fails.
    pub(crate) give_up_after: Duration,
    /// Time for which the webhook must have failed to be switched off with it.
    pub(crate) failing_for: Duration,
}

/// An attempt to send a claimed delivery.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) webhook: WebhookId,
    pub(crate) message: MessageId,
    pub(crate) claimed_at: Timestamp,
    pub(crate) url: String,
    pub(crate) attempt: Attempt,
    pub(crate) rule: PauseRule,
}

impl Sent {
    /// Returns why the attempt failed, or `None` if the receiver has taken the message.
    pub(crate) fn error(&self) -> Option<String> {
        match &self.attempt.result {
            Ok(answer) if (200..300).contains(&answer.status) => None,
            Ok(answer) if (300..400).contains(&answer.status) => {
                Some(format!("the receiver responded {}, and redirects are not followed", answer.status))
            }
            Ok(answer) => Some(format!("the receiver responded {}", answer.status)),
            Err(reason) => Some(reason.clone()),
        }
    }

    /// Returns whether the receiver wants no more messages.
    pub(crate) fn is_gone(&self) -> bool {
        self.attempt.result.as_ref().is_ok_and(|answer| answer.status == 410)
    }
}
