//! Responses of the API, as far as tables show them.

use rowlock_domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::input::price_text;

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) role: String,
    /// Absent in the responses of an older server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) admin_role: Option<String>,
    pub(crate) created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disabled_at: Option<Timestamp>,
}

/// The price of a ticket.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Price {
    amount_minor: i64,
    currency: String,
}

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&price_text(self.amount_minor, &self.currency))
    }
}

/// A ticket type with its counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketType {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) price: Price,
    pub(crate) total_tickets: u64,
    pub(crate) available_tickets: u64,
    pub(crate) booked_tickets: u64,
    #[serde(default)]
    pub(crate) reserved_tickets: u64,
    #[serde(default)]
    pub(crate) held_tickets: u64,
    pub(crate) waitlist_length: u64,
}

/// An event as the public sees it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) starts_at: Option<Timestamp>,
    /// Absent in the responses of an older server.
    #[serde(default)]
    pub(crate) time_zone: Option<String>,
    pub(crate) status: String,
    pub(crate) total_tickets: u64,
    pub(crate) available_tickets: u64,
    pub(crate) booked_tickets: u64,
    pub(crate) waitlist_length: u64,
    #[serde(default)]
    pub(crate) unservable_entries: u64,
}

/// Returns a warning about waiting entries that cannot be promoted, or `None` if there are none.
pub(crate) fn unservable_warning(entries: u64) -> Option<String> {
    let subject = match entries {
        0 => return None,
        1 => "1 waiting-list entry asks".to_owned(),
        entries => format!("{entries} waiting-list entries ask"),
    };
    Some(format!("{subject} for more tickets than the ticket type has or one booking may contain, and cannot be promoted."))
}

/// An event as administrators see it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventStatus {
    pub(crate) event_id: String,
    pub(crate) event_name: String,
    #[serde(default)]
    pub(crate) starts_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) time_zone: Option<String>,
    pub(crate) status: String,
    pub(crate) booked_tickets: u64,
    pub(crate) waitlist_length: u64,
    #[serde(default)]
    pub(crate) unservable_entries: u64,
    pub(crate) ticket_types: Vec<TicketType>,
}

/// A waiting-list entry.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitlistEntry {
    pub(crate) position: u64,
    pub(crate) waitlist_entry_id: String,
    pub(crate) ticket_type_id: String,
    pub(crate) account: Holder,
    pub(crate) quantity: u64,
    /// Absent in the responses of an older server.
    pub(crate) min_quantity: Option<u64>,
    /// Rank of the ticket type in the wish of the entry, from 0. Absent if the entry stands alone and from an older server.
    pub(crate) preference: Option<u64>,
    pub(crate) joined_at: Timestamp,
}

/// The account of a booking or waiting-list entry.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) email: String,
}

/// A webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) description: Option<String>,
    /// Absent for all types.
    pub(crate) types: Option<Vec<String>>,
    /// Absent for all events.
    pub(crate) event_id: Option<String>,
    pub(crate) status: String,
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
    pub(crate) disabled_at: Option<Timestamp>,
    pub(crate) disabled_reason: Option<String>,
}

/// A message to a webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookDelivery {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) message_type: String,
    pub(crate) status: String,
    pub(crate) attempts: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) error: Option<String>,
}

/// A mail to a person.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mail {
    pub(crate) message_id: String,
    pub(crate) recipient: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) attempts: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) reason: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) at: Timestamp,
    pub(crate) actor: Actor,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) details: Value,
}

/// The actor of an audit-log entry.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Actor {
    pub(crate) account_id: Option<String>,
    pub(crate) role: String,
}
