//! Entries of the audit log about webhooks and mails. booking-service keeps the log, so each entry is a message in the outbox.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::accounts::AccountMessage;
use rowlock_domain::auditlog::{Action, Actor, AuditEntry};
use rowlock_domain::ids::{AuditEntryId, MessageId};
use rowlock_platform::clock::Clock;
use rowlock_postgres::{Connection, statement};
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::super::ListedDelivery;
use super::WebhookRow;

/// CloudEvents `source` of the messages that this service publishes.
const SOURCE: &str = "/rowlock/notifier";

statement! {
    struct InsertMessage {
        subject: SqlUuid = Uuid,
        id: SqlUuid = Uuid,
        routing_key: Text = &'static str,
        payload: Text = String,
        at: Timestamptz = Timestamp,
    }
    "INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at) VALUES ($1, $2, $3, $4, $5)"
}

/// An action that belongs in the audit log.
#[derive(Debug, Clone)]
pub(crate) struct AuditedAction {
    action: Action,
    /// The webhook, or the message of the mail.
    subject: Uuid,
    details: Map<String, Value>,
}

/// The person who acts, and the clock that their actions are dated by.
#[derive(Debug, Clone)]
pub(crate) struct Auditor {
    pub(crate) actor: Actor,
    pub(crate) clock: Clock,
}

impl Auditor {
    /// Writes an entry in the transaction of the change.
    pub(super) async fn record(&self, conn: &mut Connection, audited: AuditedAction) -> QueryResult<()> {
        let AuditedAction { action, subject, details } = audited;
        let (id, at) = (MessageId::from_uuid(self.clock.uuid()), self.clock.now());
        let entry_id = AuditEntryId::from_uuid(self.clock.uuid());
        let entry = AuditEntry { id: entry_id, at, actor: self.actor.clone(), action, subject, details };
        let message = AccountMessage::Audited(entry);
        let payload = message.to_json(id, at, SOURCE).map_err(|error| Error::SerializationError(error.into()))?;
        InsertMessage { subject, id: id.as_uuid(), routing_key: message.routing_key(), payload, at }.execute(conn).await.map(|_| ())
    }
}

impl AuditedAction {
    /// Describes an action without details.
    pub(crate) fn new(action: Action, subject: Uuid) -> Self {
        Self { action, subject, details: Map::new() }
    }

    /// Describes the creation of a webhook.
    pub(crate) fn created(row: &WebhookRow) -> Self {
        let details = values(row).into_iter().filter(|(_, value)| !value.is_null());
        let details = details.map(|(name, value)| (name.to_owned(), value)).collect();
        Self { details, ..Self::new(Action::CreateWebhook, row.id) }
    }

    /// Describes a change of a webhook, or returns `None` if it is the same as before.
    pub(crate) fn changed(before: &WebhookRow, after: &WebhookRow) -> Option<Self> {
        let mut details: Map<String, Value> = values(before)
            .into_iter()
            .zip(values(after))
            .filter(|((_, from), (_, to))| from != to)
            .map(|((name, from), (_, to))| (name.to_owned(), json!({"from": from, "to": to})))
            .collect();
        if before.url != after.url {
            // Another path or query of the same host.
            details.entry("host").or_insert_with(|| json!(host(&after.url)));
        }
        (!details.is_empty()).then(|| Self { details, ..Self::new(Action::ChangeWebhook, after.id) })
    }

    /// Describes the replacement of a secret.
    pub(crate) fn rotated(row: &WebhookRow, revoked: bool) -> Self {
        let details = Map::from_iter([("revokedPrevious".to_owned(), json!(revoked))]);
        Self { details, ..Self::new(Action::RotateWebhookSecret, row.id) }
    }

    /// Describes that a mail is sent again, with its status before.
    pub(crate) fn resent_mail(before: &ListedDelivery) -> Self {
        let ListedDelivery { message_id, recipient, kind, status, .. } = before;
        let details = [("recipient", json!(recipient)), ("kind", json!(kind)), ("status", json!(status))];
        let details = details.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Self { details, ..Self::new(Action::ResendMail, message_id.as_uuid()) }
    }
}

/// Returns the values of a webhook that are recorded. Of its URL that is the host only, because the rest may contain a password.
fn values(row: &WebhookRow) -> [(&'static str, Value); 4] {
    [
        ("host", json!(host(&row.url))),
        ("description", json!(row.description)),
        ("types", json!(row.types)),
        ("eventId", json!(row.event_id)),
    ]
}

fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(url: &str, types: Option<&str>) -> WebhookRow {
        WebhookRow {
            id: Uuid::from_u128(1),
            url: url.to_owned(),
            description: None,
            types: types.map(|types| vec![types.to_owned()]),
            event_id: None,
            failing_since: None,
            last_error: None,
            disabled_at: None,
            disabled_reason: None,
            previous_secret_until: None,
            created_by: Uuid::from_u128(2),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_details_contain_what_changed_and_no_passwords() {
        let before = row("https://crm.example/secret-1", None);
        let created = AuditedAction::created(&before);
        assert_eq!(Value::Object(created.details), json!({"host": "crm.example"}));
        let changed = |after| AuditedAction::changed(&before, &after).map(|audited| Value::Object(audited.details));
        assert_eq!(changed(before.clone()), None);
        assert_eq!(changed(row("https://crm.example/secret-2", None)), Some(json!({"host": "crm.example"})));
        let expected = json!({
            "host": {"from": "crm.example", "to": "erp.example"}, "types": {"from": null, "to": ["booking.confirmed"]},
        });
        assert_eq!(changed(row("https://erp.example/secret-1", Some("booking.confirmed"))), Some(expected));
    }
}
