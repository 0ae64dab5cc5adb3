//! What the relay can be told.

use std::time::Duration;

use rowlock_postgres::ConnectionLimits;
use secrecy::SecretString;

use crate::amqp::AmqpSettings;

/// Settings of a relay.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// The database that holds the outbox. Not through a pooler that shares sessions: the lock belongs to one.
    pub database_url: SecretString,
    /// The broker.
    pub amqp: AmqpSettings,
    /// How many rows are published at a time.
    pub batch_size: u32,
    /// How often the outbox is read when nothing wakes the relay.
    pub poll_interval: Duration,
    /// How often one that stands by tries to take the lead.
    pub standby_interval: Duration,
    /// How often the listening connection is tried and the depth of the outbox measured.
    pub observe_interval: Duration,
    /// A leader that has been silent towards the database for this long has lost the lead. It says something three
    /// times as often.
    pub lease_timeout: Duration,
    /// The delay before a refused row is tried again; it doubles with each refusal, up to a minute.
    pub refusal_delay: Duration,
    /// A row that was refused this often is set aside.
    pub max_attempts: u32,
    /// The longest delay between two attempts to get at the database or the broker.
    pub longest_backoff: Duration,
}

impl RelaySettings {
    /// Settings with the defaults: 500 rows at a time, polled every second, a lease of 10 s, set aside after 5 refusals.
    pub fn new(database_url: SecretString, amqp: AmqpSettings) -> Self {
        Self {
            database_url,
            amqp,
            batch_size: 500,
            poll_interval: Duration::from_secs(1),
            standby_interval: Duration::from_secs(1),
            observe_interval: Duration::from_secs(5),
            lease_timeout: Duration::from_secs(10),
            refusal_delay: Duration::from_secs(2),
            max_attempts: 5,
            longest_backoff: Duration::from_secs(5),
        }
    }

    /// How often a leader says something to the database.
    pub(super) fn heartbeat(&self) -> Duration {
        self.lease_timeout / 3
    }

    /// Whoever waits longer than this for an answer has lost the lead anyway.
    pub(super) fn limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            lock: self.lease_timeout,
            statement: self.lease_timeout,
            idle_in_transaction: self.lease_timeout,
            ..ConnectionLimits::default()
        }
    }
}
