//! The transactional outbox and the relay that publishes its rows to the broker.
//!
//! A row contains one message, or several with the same routing key as a batch, and is written in the same transaction as the
//! changes that the messages report. The relay publishes the rows in order and deletes each row only after the broker has
//! confirmed it, so every message is sent at least once. On the receiving side, [`Consumer`](crate::amqp::Consumer) takes batches
//! apart again.
//!
//! Invariants:
//!
//! - One relay per database is active. It holds an advisory lock on the same connection that it uses to read and delete
//!   rows, so a relay that loses the connection loses the lock and can no longer delete anything.
//! - PostgreSQL ends the session of a stalled relay within seconds (`idle_session_timeout`).
//! - The active relay always has a broker connection: a relay connects to RabbitMQ before it tries to acquire the lock, and
//!   releases the lock when that connection fails.
//! - A row that the broker rejects does not block the rows after it. After several rejections it is moved to
//!   `outbox_failed`, where operators can inspect and replay it.
//! - A lost notification delays a message by at most one poll interval.
//! - Released tickets are published at once. The rows of other messages that are written within 20 ms are published together, because
//!   each read of the outbox and each group of messages that the broker writes to disk has a cost of its own.
//! - Reads skip the index entries of deleted rows that have not been vacuumed: the low watermark is refreshed every 50 ms, and
//!   the table is scanned from its beginning only every 10 s; see `watermark`.
//!
//! A database whose messages are relayed has these tables:
//!
//! ```sql
//! outbox(id bigint generated always as identity primary key, event_id uuid not null, message_id uuid not null,
//!        routing_key text not null, payload text not null, occurred_at timestamptz not null)
//! outbox_failed(id bigint primary key, event_id uuid, message_id uuid, routing_key text, payload text,
//!        occurred_at timestamptz, failed_at timestamptz default now(), attempts int, reason text)
//! ```

use std::num::NonZeroUsize;
use std::time::Duration;

pub mod failed;
mod lease;
mod metrics;
mod notifier;
mod relay;
mod retries;
mod rows;
mod settings;
mod wake;
mod watcher;
mod watermark;

pub use lease::RELAY_LOCK;
pub use metrics::RelayMetrics;
pub use notifier::OutboxNotifier;
pub use relay::{Relay, RelayError};
pub use settings::RelaySettings;

/// Limit of the setting for the number of messages in a batch, so that a consumer's memory stays bounded.
pub const MAX_BATCH_ITEMS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// Minimum time between two publications of routine messages, so that the messages of that time are published together.
const COLLECT_TIME: Duration = Duration::from_millis(20);

/// The PostgreSQL notification channel that wakes the relay after a commit.
pub const CHANNEL: &str = "rowlock_outbox";

/// The payload of a notification about messages that must be published at once. Others have none.
const URGENT: &str = "urgent";
