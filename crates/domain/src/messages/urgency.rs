//! How soon messages have to be published.

use super::TICKETS_RELEASED;

/// How soon a message has to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nobody notices a few milliseconds, so the message can be published together with later ones.
    Routine,
    /// The reallocation worker waits for the message before it passes on tickets.
    Urgent,
}

impl Urgency {
    /// Returns the urgency of messages with a routing key.
    pub fn of(routing_key: &str) -> Self {
        if routing_key == TICKETS_RELEASED { Self::Urgent } else { Self::Routine }
    }
}
