//! The configuration of an inventory: its database, the functions that the caller supplies, and its timeouts.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use rowlock_domain::messages::Urgency;
use rowlock_postgres::Pool;
use uuid::Uuid;

use crate::command::{Outcome, RenderedResponse};

/// Generates UUIDv7s.
pub type NewId = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// Renders an outcome as the response that is stored for repeated requests, or returns `None` if it is not stored.
pub type ResponseRenderer = dyn Fn(&Outcome) -> Option<RenderedResponse> + Send + Sync;

/// The behavior for a row that another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockWait {
    /// Waits for the lock, up to the lock timeout of the connection.
    Wait,
    /// Skips the commands that need the row. Their result is [`Outcome::Skipped`].
    Skip,
}

/// The durations of the two round trips of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionTimes {
    /// The time until the rows were locked and read. It includes the time spent waiting for other transactions.
    pub lock: Duration,
    /// The time until the writes were committed.
    pub commit: Duration,
}

/// How messages are written to the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFormat {
    /// The CloudEvents `source` of the messages.
    pub source: &'static str,
    /// The maximum number of messages in a batch. With 1 every message is sent alone, which consumers of earlier releases need.
    pub max_batch_items: NonZeroUsize,
}

/// The configuration and dependencies of an [`Inventory`](crate::Inventory).
pub struct InventoryConfig {
    /// The connections to the booking database.
    pub pool: Pool,
    /// Generates UUIDv7s.
    pub new_id: NewId,
    /// Renders the responses that are stored for repeated requests.
    pub render: Arc<ResponseRenderer>,
    /// Called after a commit that wrote messages, with the greatest of their urgencies. Must not block.
    pub on_messages: Arc<dyn Fn(Urgency) + Send + Sync>,
    /// Called with the durations after a transaction that wrote something. Must not block.
    pub on_transaction: Arc<dyn Fn(TransactionTimes) + Send + Sync>,
    /// How messages are written to the outbox.
    pub messages: MessageFormat,
    /// The timeout for the responses to a transaction's statements, and to its COMMIT, after which the connection is closed. It
    /// must exceed the server's own timeouts, because it is meant for servers that no longer respond.
    pub response_timeout: Duration,
    /// The maximum time to resolve a lost COMMIT response. After it, the outcome is reported as unknown.
    pub resolve_timeout: Duration,
    /// Whether each transaction is restricted to one event. This is required if the tables are distributed by event, because a
    /// locking statement must then name its event.
    pub one_event_per_transaction: bool,
}
