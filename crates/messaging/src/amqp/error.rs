//! Errors of a broker link.

use std::time::Duration;

/// The reason why a link could not be opened or is no longer usable.
///
/// After any variant but [`LinkError::NotAccepted`], the caller drops the publisher or consumer and connects again after a
/// [`Backoff`](super::Backoff). After [`LinkError::NotAccepted`] a consumer stays usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The settings are invalid. A retry fails again.
    #[error("the AMQP settings are invalid: {0}")]
    Settings(String),
    /// The broker could not be reached or rejected the login.
    #[error("cannot connect to RabbitMQ: {0}")]
    Connect(String),
    /// The broker did not respond in time, because it is stalled, blocked by an alarm, or unreachable.
    #[error("RabbitMQ did not respond within {limit:?} while {doing}")]
    TimedOut {
        /// The operation, as a participle such as `publishing`.
        doing: &'static str,
        /// The timeout that expired.
        limit: Duration,
    },
    /// The broker closed the channel or the connection and gave a reason.
    #[error("RabbitMQ closed the {what}: {code} {reason}")]
    Closed {
        /// `channel` or `connection`.
        what: &'static str,
        /// AMQP reply code, such as 404 or 406.
        code: u16,
        /// The broker's reply text.
        reason: String,
    },
    /// The connection ended without a reason.
    #[error("the connection to RabbitMQ was lost")]
    Lost,
    /// The broker cancelled the consumer, because its queue was deleted or became unavailable.
    #[error("RabbitMQ cancelled the consumer, because its queue was deleted or became unavailable")]
    ConsumerCancelled,
    /// The client library failed.
    #[error("the AMQP client failed while {doing}: {reason}")]
    Client {
        /// The operation, as a participle such as `publishing`.
        doing: &'static str,
        /// The error message of the client library.
        reason: String,
    },
    /// An earlier call on this link was cancelled before it completed, so the state of the link is unknown.
    #[error("an earlier call on this connection to RabbitMQ was cancelled before it completed")]
    Abandoned,
    /// The broker repeatedly rejected or returned the copy of a delivery. The delivery is still unacknowledged.
    #[error("RabbitMQ did not accept the copy of a message for a retry or dead-letter queue: {0}")]
    NotAccepted(String),
}
