//! Settings of `reallocation-worker`. `default.toml` documents each of them.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use rowlock_http::management::ManagementSettings;
use rowlock_messaging::amqp::AmqpSettings;
use rowlock_messaging::outbox::MAX_BATCH_ITEMS;
use rowlock_platform::database::DatabaseSettings;
use rowlock_platform::settings::{SettingsError, SettingsReader};
use rowlock_platform::telemetry::{LogSettings, TraceSettings};

const DEFAULTS: &str = include_str!("default.toml");

/// Largest value of `worker.expiry_interval_ms`. It is less than the shortest reservation, which is a minute: a reservation that is
/// made while the worker sleeps is then always found in time.
const MAX_EXPIRY_INTERVAL_MS: u64 = 30_000;

/// All settings of the command `serve`.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// The section `worker`.
    pub work: WorkSettings,
    /// The management port.
    pub management: ManagementSettings,
    /// The booking database, `rowlock_booking`.
    pub database: DatabaseSettings,
    /// The broker connection.
    pub amqp: AmqpSettings,
    /// How long transactions in flight may take to end during a shutdown.
    pub drain: Duration,
    /// The section `log`.
    pub log: LogSettings,
    /// The section `telemetry`.
    pub traces: TraceSettings,
}

/// Settings of the section `worker`, and of the messages that the worker writes.
#[derive(Debug, Clone, Copy)]
pub struct WorkSettings {
    /// Whether `tickets.released` messages are consumed.
    pub messages: bool,
    /// Whether the database is swept periodically.
    pub sweep: bool,
    /// Interval between two sweeps that find nothing.
    pub sweep_interval: Duration,
    /// Maximum number of ticket types per sweep, from 1 to 1,000.
    pub sweep_batch: u16,
    /// Longest time between two searches for reservations whose time is over, from 1 to 30 seconds, or `None` if this worker does
    /// not end them.
    pub expiry_interval: Option<Duration>,
    /// Maximum number of unacknowledged messages, from 1 to 10,000.
    pub prefetch: u16,
    /// Maximum number of promotions per transaction, over all its ticket types.
    pub max_promotions: usize,
    /// How long to try to find out whether a transaction whose COMMIT response was lost has been committed.
    pub resolve_for: Duration,
    /// Whether each transaction contains ticket types of one event only.
    pub one_event_per_transaction: bool,
    /// Maximum number of messages that are published in one batch.
    pub max_batch_items: NonZeroUsize,
}

/// Settings of the other commands. `dead-letters` needs the broker, `migrate` the database, and `healthcheck` the management port.
#[derive(Debug, Clone)]
pub struct MaintenanceSettings<T> {
    /// The section that the command needs.
    pub part: T,
    /// The section `log`.
    pub log: LogSettings,
}

impl WorkerSettings {
    /// Merges the defaults, an optional file and the environment. The error names every invalid setting.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let work = WorkSettings::read(&mut reader);
        let management = ManagementSettings::read(&mut reader);
        let database = DatabaseSettings::read(&mut reader);
        let amqp = AmqpSettings::read(&mut reader, "reallocation-worker");
        let drain = reader.millis("shutdown.drain_ms", 100..=600_000);
        let log = LogSettings::read(&mut reader);
        let traces = TraceSettings::read(&mut reader);
        let settings = (|| {
            Some(Self { work: work?, management: management?, database: database?, amqp: amqp?, drain: drain?, log: log?, traces: traces? })
        })();
        reader.finish(settings)
    }
}

impl WorkSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let messages = reader.value("worker.messages");
        let sweep = reader.value("worker.sweep");
        let sweep_interval = reader.millis("worker.sweep_interval_ms", 10..=3_600_000);
        let sweep_batch = reader.number("worker.sweep_batch", 1..=1_000);
        let expiry: Option<bool> = reader.value("worker.expiry");
        let expiry_interval = reader.millis("worker.expiry_interval_ms", 1_000..=MAX_EXPIRY_INTERVAL_MS);
        let prefetch = reader.number("worker.prefetch", 1..=10_000);
        let max_promotions = reader.number("worker.max_promotions", 1..=10_000);
        let resolve_for = reader.millis("worker.resolve_timeout_ms", 100..=60_000);
        let one_event_per_transaction = reader.value("worker.one_event_per_transaction");
        let max_batch_items = reader.number("outbox.max_batch_items", NonZeroUsize::MIN..=MAX_BATCH_ITEMS);
        Some(Self {
            messages: messages?,
            sweep: sweep?,
            sweep_interval: sweep_interval?,
            sweep_batch: sweep_batch?,
            expiry_interval: expiry?.then_some(expiry_interval?),
            prefetch: prefetch?,
            max_promotions: max_promotions?,
            resolve_for: resolve_for?,
            one_event_per_transaction: one_event_per_transaction?,
            max_batch_items: max_batch_items?,
        })
    }
}

impl<T> MaintenanceSettings<T> {
    /// Reads one section with `read`, and the section `log`. Other settings are not validated.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        read: impl FnOnce(&mut SettingsReader) -> Option<T>,
    ) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let part = read(&mut reader);
        let log = LogSettings::read(&mut reader);
        reader.ignore_rest();
        reader.finish(part.zip(log).map(|(part, log)| Self { part, log }))
    }
}
