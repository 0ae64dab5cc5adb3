//! What can go wrong on a link.

use std::time::Duration;

/// Why a link cannot be used, or can no longer be used.
///
/// Whatever the variant, the one way on is the same: drop the publisher or consumer and connect again after a
/// [`Backoff`](super::Backoff). Only [`LinkError::NotAccepted`] leaves a consumer usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The settings cannot be used at all; trying again cannot help.
    #[error("the AMQP settings are wrong: {0}")]
    Settings(String),
    /// The broker could not be reached or refused the login.
    #[error("cannot connect to the broker: {0}")]
    Connect(String),
    /// The broker did not answer in time: frozen, blocked by an alarm, or cut off without notice.
    #[error("the broker did not answer within {limit:?} while {doing}")]
    TimedOut {
        /// What was being done.
        doing: &'static str,
        /// The limit that passed.
        limit: Duration,
    },
    /// The broker closed the channel or the connection and said why.
    #[error("the broker closed the {what}: {code} {reason}")]
    Closed {
        /// `channel` or `connection`.
        what: &'static str,
        /// AMQP reply code, such as 404 or 406.
        code: u16,
        /// The broker's text.
        reason: String,
    },
    /// The connection ended without a word.
    #[error("the connection to the broker was lost")]
    Lost,
    /// The broker cancelled the consumer, because its queue was deleted or moved.
    #[error("the broker cancelled the consumer")]
    ConsumerCancelled,
    /// The client library failed.
    #[error("the AMQP client failed while {doing}: {reason}")]
    Client {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        reason: String,
    },
    /// An earlier call on this link was given up half-way, so its state is unknown.
    #[error("an earlier call on this link was given up half-way")]
    Abandoned,
    /// The broker refused or returned a retry or a dead letter several times; the delivery is still held.
    #[error("the broker did not accept the message: {0}")]
    NotAccepted(String),
}
