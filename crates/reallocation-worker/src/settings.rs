//! The settings of `reallocation-worker`. `default.toml` says what each of them means.

use std::path::Path;
use std::time::Duration;

use rowlock_http::management::ManagementSettings;
use rowlock_messaging::amqp::AmqpSettings;
use rowlock_platform::database::DatabaseSettings;
use rowlock_platform::settings::{SettingsError, SettingsReader};
use rowlock_platform::telemetry::{LogSettings, TraceSettings};

const DEFAULTS: &str = include_str!("default.toml");

/// All settings of a working `reallocation-worker`.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// What it does and how much at a time.
    pub work: WorkSettings,
    /// The operators' port.
    pub management: ManagementSettings,
    /// The database `rowlock_booking`.
    pub database: DatabaseSettings,
    /// The broker.
    pub amqp: AmqpSettings,
    /// How long the work in flight may take to end.
    pub drain: Duration,
    /// Logs.
    pub log: LogSettings,
    /// Traces.
    pub traces: TraceSettings,
}

/// What the worker does and how much at a time.
#[derive(Debug, Clone, Copy)]
pub struct WorkSettings {
    /// Whether messages are consumed.
    pub messages: bool,
    /// Whether the database is swept.
    pub sweep: bool,
    /// How often it is swept.
    pub sweep_interval: Duration,
    /// Ticket types treated in one transaction of the sweep.
    pub sweep_batch: u16,
    /// Messages taken at a time.
    pub prefetch: u16,
    /// Most promotions in one transaction, of all its ticket types together.
    pub max_promotions: usize,
    /// How long to look for the truth about a lost answer.
    pub resolve_for: Duration,
    /// Whether each transaction keeps to one event.
    pub one_event_per_transaction: bool,
}

/// What the other commands need. The dead letters need the broker, `migrate` and `healthcheck` do not.
#[derive(Debug, Clone)]
pub struct MaintenanceSettings<T> {
    /// What this command works with.
    pub part: T,
    /// Logs.
    pub log: LogSettings,
}

impl WorkerSettings {
    /// Merges the defaults, an optional file and the environment. The error names every wrong setting.
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
        let prefetch = reader.number("worker.prefetch", 1..=10_000);
        let max_promotions = reader.number("worker.max_promotions", 1..=10_000);
        let resolve_for = reader.millis("worker.resolve_timeout_ms", 100..=60_000);
        let one_event_per_transaction = reader.value("worker.one_event_per_transaction");
        Some(Self {
            messages: messages?,
            sweep: sweep?,
            sweep_interval: sweep_interval?,
            sweep_batch: sweep_batch?,
            prefetch: prefetch?,
            max_promotions: max_promotions?,
            resolve_for: resolve_for?,
            one_event_per_transaction: one_event_per_transaction?,
        })
    }
}

impl<T> MaintenanceSettings<T> {
    /// Reads one part with the logs; what only a working process needs is not looked at.
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
