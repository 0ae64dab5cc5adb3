//! The way of a message from the database to the broker.
//!
//! A message is a row that the transaction which made it true has written. The relay publishes the rows in their
//! order and deletes each one only after the broker has confirmed it, so a message is sent at least once.
//!
//! What it keeps true:
//!
//! - One relay is active per database: it holds an advisory lock, on the very connection that it reads and deletes
//!   with. Whoever loses that connection has lost the lock and can delete nothing any more.
//! - A leader that stands still is told by PostgreSQL: `idle_session_timeout` ends its session within seconds.
//! - Who leads has a broker: it connects there first, and gives the lead up when that link fails.
//! - A row that the broker refuses does not block those behind it, and after several refusals it is set aside in
//!   `outbox_failed`, where operators find it.
//! - A lost wake-up costs one poll interval, nothing else.
//! - Rows that were deleted and not vacuumed yet are walked over once a second, not at each read: see `floor`.
//!
//! The tables, in any database whose messages are to be relayed:
//!
//! ```sql
//! outbox(id bigint generated always as identity primary key, event_id uuid not null, message_id uuid not null,
//!        routing_key text not null, payload text not null, occurred_at timestamptz not null)
//! outbox_failed(id bigint primary key, event_id uuid, message_id uuid, routing_key text, payload text,
//!        occurred_at timestamptz, failed_at timestamptz default now(), attempts int, reason text)
//! ```

pub mod failed;
mod floor;
mod lease;
mod metrics;
mod notifier;
mod refusals;
mod relay;
mod rows;
mod settings;
mod watcher;

pub use lease::RELAY_LOCK;
pub use metrics::RelayMetrics;
pub use notifier::OutboxNotifier;
pub use relay::{Relay, RelayError};
pub use settings::RelaySettings;

/// The notification channel on which writers wake the relay.
pub const CHANNEL: &str = "rowlock_outbox";
