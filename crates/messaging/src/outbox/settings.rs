//! Settings of the outbox relay.

use std::time::Duration;

use rowlock_postgres::ConnectionLimits;
use secrecy::SecretString;

use crate::amqp::AmqpSettings;

/// Settings of a relay.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// URL of the database that contains the outbox. It must not go through a pooler that shares sessions between clients, because
    /// the lock belongs to a session.
    pub database_url: SecretString,
    /// Settings of the broker connection.
    pub amqp: AmqpSettings,
    /// Maximum number of rows per batch.
    pub batch_size: u32,
    /// Interval between two reads of the outbox without a notification.
    pub poll_interval: Duration,
    /// Interval at which a standby relay tries to acquire the lock.
    pub standby_interval: Duration,
    /// Interval at which the depth of the outbox is measured, which also checks the listening connection.
    pub observe_interval: Duration,
    /// PostgreSQL ends the session of an active relay, and thereby releases its lock, after this time without a statement. The
    /// relay sends heartbeats three times as often.
    pub lease_timeout: Duration,
    /// Delay before a rejected row is published again. It doubles with each rejection, up to one minute.
    pub retry_delay: Duration,
    /// Number of rejections after which a row is moved to `outbox_failed`.
    pub max_attempts: u32,
    /// Maximum delay between two attempts to connect to the database or the broker.
    pub max_backoff: Duration,
}

impl RelaySettings {
    /// Returns the defaults: 500 rows per batch, a poll every second, a lease of 10 s, and at most 5 attempts per row.
    pub fn new(database_url: SecretString, amqp: AmqpSettings) -> Self {
        Self {
            database_url,
            amqp,
            batch_size: 500,
            poll_interval: Duration::from_secs(1),
            standby_interval: Duration::from_secs(1),
            observe_interval: Duration::from_secs(5),
            lease_timeout: Duration::from_secs(10),
            retry_delay: Duration::from_secs(2),
            max_attempts: 5,
            max_backoff: Duration::from_secs(5),
        }
    }

    /// Returns the interval between two heartbeats.
    pub(super) fn heartbeat(&self) -> Duration {
        self.lease_timeout / 3
    }

    /// Returns the timeouts of the relay's connections. A relay that waits longer than the lease has lost the lock anyway.
    pub(super) fn limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            lock: self.lease_timeout,
            statement: self.lease_timeout,
            idle_in_transaction: self.lease_timeout,
            ..ConnectionLimits::default()
        }
    }
}
