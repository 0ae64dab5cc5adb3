//! Outbox messages. They are inserted by the same statement as the change that they are about.

use rowlock_domain::Timestamp;
use rowlock_domain::accounts::AccountMessage;
use rowlock_domain::ids::MessageId;
use rowlock_platform::clock::Clock;
use uuid::Uuid;

/// CloudEvents `source` of the messages that this service publishes.
const SOURCE: &str = "/rowlock/auth-service";

/// Messages as array parameters of a statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Messages {
    pub(super) ids: Vec<Uuid>,
    pub(super) keys: Vec<&'static str>,
    pub(super) payloads: Vec<String>,
}

impl Messages {
    /// Serializes messages about changes at time `now`, keeping their order.
    pub(crate) fn of(messages: &[AccountMessage], clock: &Clock, now: Timestamp) -> Result<Self, serde_json::Error> {
        let mut rows = Self::default();
        for message in messages {
            let id = clock.uuid();
            rows.ids.push(id);
            rows.keys.push(message.routing_key());
            rows.payloads.push(message.to_json(MessageId::from_uuid(id), now, SOURCE)?);
        }
        Ok(rows)
    }
}
