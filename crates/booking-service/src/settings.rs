//! The settings of `booking-service`. `default.toml` says what each of them means.

use std::path::Path;
use std::time::Duration;

use rowlock_domain::text::EmailDomains;
use rowlock_http::management::ManagementSettings;
use rowlock_http::revocations::RevocationSettings;
use rowlock_http::{HttpSettings, per_minute};
use rowlock_messaging::amqp::AmqpSettings;
use rowlock_messaging::outbox::RelaySettings;
use rowlock_platform::database::DatabaseSettings;
use rowlock_platform::lifecycle::ShutdownSettings;
use rowlock_platform::settings::{SettingsError, SettingsReader};
use rowlock_platform::telemetry::{LogSettings, TraceSettings};
use url::Url;

use crate::lanes::LaneSettings;

const DEFAULTS: &str = include_str!("default.toml");

/// All settings of a serving `booking-service`.
#[derive(Debug, Clone)]
pub struct BookingSettings {
    /// The public port.
    pub http: HttpSettings,
    /// The operators' port.
    pub management: ManagementSettings,
    /// The database `rowlock_booking`.
    pub database: DatabaseSettings,
    /// The relay of the outbox, and whether this process takes part in it.
    pub relay: Option<RelaySettings>,
    /// The broker, for messages about accounts.
    pub amqp: AmqpSettings,
    /// Requests of one account per minute that change something; 0 for no limit.
    pub book_per_account: u32,
    /// How long a token may be good after its account was shut.
    pub token_life: Duration,
    /// Which domains the e-mail addresses of guests may have.
    pub email_domains: EmailDomains,
    /// The lanes of the commands.
    pub lanes: LaneSettings,
    /// How long what visitors read is kept in memory; zero for not at all.
    pub keep_reads_for: Duration,
    /// How tokens are checked.
    pub tokens: TokenSettings,
    /// How long to look for the truth about a lost answer.
    pub resolve_for: Duration,
    /// Bookings cancelled and entries closed per transaction.
    pub cancel_chunk: usize,
    /// Whether each transaction keeps to one event.
    pub one_event_per_transaction: bool,
    /// How it takes its leave.
    pub shutdown: ShutdownSettings,
    /// Logs.
    pub log: LogSettings,
    /// Traces.
    pub traces: TraceSettings,
}

/// What the other commands need, so that a migration job does not have to be given a broker.
#[derive(Debug, Clone)]
pub struct MaintenanceSettings {
    /// The operators' port.
    pub management: ManagementSettings,
    /// The database `rowlock_booking`.
    pub database: DatabaseSettings,
    /// Logs.
    pub log: LogSettings,
}

/// How tokens are checked.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// Where the public keys are.
    pub jwks_url: Url,
    /// Where it is told what was revoked.
    pub revocations_url: Url,
    /// How that is read.
    pub revocations: RevocationSettings,
    /// The `iss` that tokens must have.
    pub issuer: String,
    /// The `aud` that tokens must have.
    pub audience: String,
}

impl BookingSettings {
    /// Merges the defaults, an optional file and the environment. The error names every wrong setting.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let http = HttpSettings::read(reader);
        let management = ManagementSettings::read(reader);
        let database = DatabaseSettings::read(reader);
        let amqp = AmqpSettings::read(reader, "booking-service");
        let relay = reader.value::<bool>("outbox.relay");
        let batch_size = reader.number("outbox.batch_size", 1..=10_000);
        let poll_interval = reader.millis("outbox.poll_interval_ms", 10..=3_600_000);
        let lease_timeout = reader.millis("outbox.lease_timeout_ms", 1_000..=600_000);
        let book_per_account = per_minute(reader, "limits.book_per_account");
        let token_life = reader.number("accounts.token_life_seconds", 0..=86_400).map(Duration::from_secs);
        let email_domains = reader.value("accounts.allow_local_email_domains").map(EmailDomains::of_setting);
        let lanes = LaneSettings::read(reader);
        let keep_reads_for = reader.millis("reads.keep_ms", 0..=60_000);
        let tokens = TokenSettings::read(reader);
        let resolve_for = reader.millis("booking.resolve_timeout_ms", 100..=60_000);
        let cancel_chunk = reader.number("booking.cancel_chunk", 1..=10_000);
        let one_event_per_transaction = reader.value("booking.one_event_per_transaction");
        let shutdown = ShutdownSettings::read(reader);
        let log = LogSettings::read(reader);
        let traces = TraceSettings::read(reader);
        let database = database?;
        let amqp = amqp?;
        let settings = RelaySettings {
            batch_size: batch_size?,
            poll_interval: poll_interval?,
            lease_timeout: lease_timeout?,
            ..RelaySettings::new(database.url.clone(), amqp.clone())
        };
        Some(Self {
            http: http?,
            management: management?,
            database,
            relay: relay?.then_some(settings),
            amqp,
            book_per_account: book_per_account?,
            token_life: token_life?,
            email_domains: email_domains?,
            lanes: lanes?,
            keep_reads_for: keep_reads_for?,
            tokens: tokens?,
            resolve_for: resolve_for?,
            cancel_chunk: cancel_chunk?,
            one_event_per_transaction: one_event_per_transaction?,
            shutdown: shutdown?,
            log: log?,
            traces: traces?,
        })
    }
}

impl TokenSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let jwks_url = reader.value("tokens.jwks_url");
        let issuer = reader.value("tokens.issuer");
        let audience = reader.value("tokens.audience");
        let revocations_url = reader.value("tokens.revocations_url");
        let revocations = RevocationSettings::read(reader);
        Some(Self {
            jwks_url: jwks_url?,
            revocations_url: revocations_url?,
            revocations: revocations?,
            issuer: issuer?,
            audience: audience?,
        })
    }
}

impl MaintenanceSettings {
    /// Merges the same, and reads how to reach the broker alone.
    pub fn load_amqp(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<AmqpSettings, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let amqp = AmqpSettings::read(&mut reader, "booking-service dead-letters");
        reader.ignore_rest();
        reader.finish(amqp)
    }

    /// Merges the defaults, an optional file and the environment. What only a serving process needs is not looked at.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let management = ManagementSettings::read(&mut reader);
        let database = DatabaseSettings::read(&mut reader);
        let log = LogSettings::read(&mut reader);
        let settings = (|| Some(Self { management: management?, database: database?, log: log? }))();
        reader.ignore_rest();
        reader.finish(settings)
    }
}
