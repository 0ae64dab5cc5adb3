//! What the others are told: rows of the outbox, written by the statement that makes them true.

use rowlock_domain::Timestamp;
use rowlock_domain::accounts::AccountMessage;
use rowlock_domain::ids::MessageId;
use rowlock_platform::clock::Clock;
use uuid::Uuid;

/// Who writes the messages.
const SOURCE: &str = "/rowlock/auth-service";

/// Messages as the columns of a statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Messages {
    pub(super) ids: Vec<Uuid>,
    pub(super) keys: Vec<&'static str>,
    pub(super) payloads: Vec<String>,
}

impl Messages {
    /// Messages about what becomes true at a time, in their order.
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
