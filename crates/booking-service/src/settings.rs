//! Settings of `booking-service`. `default.toml` documents each of them.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rowlock_domain::text::EmailDomains;
use rowlock_http::management::ManagementSettings;
use rowlock_http::tokens::TokenSettings;
use rowlock_http::{HttpSettings, per_minute};
use rowlock_messaging::amqp::AmqpSettings;
use rowlock_messaging::outbox::{MAX_BATCH_ITEMS, RelaySettings};
use rowlock_platform::database::DatabaseSettings;
use rowlock_platform::lifecycle::ShutdownSettings;
use rowlock_platform::settings::{SettingsError, SettingsReader};
use rowlock_platform::telemetry::{LogSettings, TraceSettings};
use rowlock_sealing::SealingKeys;
use rowlock_tickets::{CertificateError, PassIssuer};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::lanes::LaneSettings;
use crate::live::LiveSettings;

const DEFAULTS: &str = include_str!("default.toml");

/// All settings of a serving `booking-service`.
#[derive(Debug, Clone)]
pub struct BookingSettings {
    /// Public HTTP server.
    pub http: HttpSettings,
    /// Management server, for operators.
    pub management: ManagementSettings,
    /// The database `rowlock_booking`.
    pub database: DatabaseSettings,
    /// Maximum number of messages that are published in one batch.
    pub max_batch_items: NonZeroUsize,
    /// Outbox relay; `None` if this process does not take part.
    pub relay: Option<RelaySettings>,
    /// The broker, for messages about accounts.
    pub amqp: AmqpSettings,
    /// Maximum number of changing requests of one account per minute; 0 for no limit.
    pub book_per_account: u32,
    /// How long access tokens of an account may stay valid after it was disabled or erased.
    pub token_life: Duration,
    /// URL at which auth-service returns the names and addresses of accounts.
    pub contacts_url: Url,
    /// Which domains the e-mail addresses of guests may have.
    pub email_domains: EmailDomains,
    /// Whether sales are counted from messages.
    pub timeline_from_messages: bool,
    /// How often the sales timeline is checked for ticket types that are behind.
    pub timeline_check_interval: Duration,
    /// Seals the private keys of tickets in the database.
    pub sealing: SealingKeys,
    /// How long a key that `ticket-keys rotate` adds is published before it signs.
    pub ticket_keys_publish_ahead: Duration,
    /// Issues passes for Apple Wallet; `None` without a certificate.
    pub passes: Option<Arc<PassIssuer>>,
    /// Number and limits of the lanes.
    pub lanes: LaneSettings,
    /// Limits of the live streams.
    pub live: LiveSettings,
    /// Lifetime of cached public reads; zero disables the cache.
    pub event_cache_lifetime: Duration,
    /// Verification of access tokens.
    pub tokens: TokenSettings,
    /// How long to check whether a transaction was committed whose COMMIT response was lost.
    pub resolve_timeout: Duration,
    /// Maximum number of bookings cancelled and entries closed per transaction when an event is cancelled.
    pub cancel_chunk: usize,
    /// Whether each transaction is limited to one event.
    pub one_event_per_transaction: bool,
    /// Phases and timeouts of the shutdown.
    pub shutdown: ShutdownSettings,
    /// Logging.
    pub log: LogSettings,
    /// Tracing.
    pub traces: TraceSettings,
}

/// Settings of the other commands, which need no broker: a migration job does not have to be given one.
#[derive(Debug, Clone)]
pub struct MaintenanceSettings {
    /// Management server, for operators.
    pub management: ManagementSettings,
    /// The database `rowlock_booking`.
    pub database: DatabaseSettings,
    /// Logging.
    pub log: LogSettings,
}

impl BookingSettings {
    /// Merges the defaults, an optional file and the environment. The error names every invalid setting.
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
        let max_batch_items = reader.number("outbox.max_batch_items", NonZeroUsize::MIN..=MAX_BATCH_ITEMS);
        let poll_interval = reader.millis("outbox.poll_interval_ms", 10..=3_600_000);
        let lease_timeout = reader.millis("outbox.lease_timeout_ms", 1_000..=600_000);
        let book_per_account = per_minute(reader, "limits.book_per_account");
        let token_life = reader.number("accounts.token_life_seconds", 0..=86_400).map(Duration::from_secs);
        let contacts_url = reader.value("accounts.contacts_url");
        let email_domains = reader.value("accounts.allow_local_email_domains").map(EmailDomains::of_setting);
        let timeline_from_messages = reader.value::<bool>("timeline.from_messages");
        let timeline_check_interval = reader.millis("timeline.check_interval_ms", 50..=3_600_000);
        let sealing = SealingKeys::read(reader);
        let ticket_keys_publish_ahead = reader.number("ticket_keys.publish_ahead_seconds", 0..=2_592_000).map(Duration::from_secs);
        let passes = read_passes(reader);
        let lanes = LaneSettings::read(reader);
        let live = LiveSettings::read(reader, http.as_ref().map(|http| http.send_timeout));
        let event_cache_lifetime = reader.millis("reads.keep_ms", 0..=60_000);
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
            ..RelaySettings::new(database.session_url.clone(), amqp.clone())
        };
        Some(Self {
            http: http?,
            management: management?,
            database,
            relay: relay?.then_some(settings),
            max_batch_items: max_batch_items?,
            amqp,
            book_per_account: book_per_account?,
            token_life: token_life?,
            contacts_url: contacts_url?,
            email_domains: email_domains?,
            timeline_from_messages: timeline_from_messages?,
            timeline_check_interval: timeline_check_interval?,
            sealing: sealing?,
            ticket_keys_publish_ahead: ticket_keys_publish_ahead?,
            passes: passes?,
            lanes: lanes?,
            live: live?,
            event_cache_lifetime: event_cache_lifetime?,
            tokens: tokens?,
            resolve_timeout: resolve_for?,
            cancel_chunk: cancel_chunk?,
            one_event_per_transaction: one_event_per_transaction?,
            shutdown: shutdown?,
            log: log?,
            traces: traces?,
        })
    }
}

/// Reads the section `wallet`. Without a certificate and a key there are no passes, which yields `Some(None)`.
fn read_passes(reader: &mut SettingsReader) -> Option<Option<Arc<PassIssuer>>> {
    const CERTIFICATES: &str = "wallet.certificates";
    const KEY: &str = "wallet.key";
    let organization = reader.value("wallet.organization");
    let (certificates, key) = match (reader.optional_secret(CERTIFICATES), reader.optional_secret(KEY)) {
        (None, None) => return organization.map(|_: String| None),
        (Some(certificates), Some(key)) => (certificates, key),
        (Some(_), None) => {
            reader.add_error(KEY, "must be set, because wallet.certificates is");
            return None;
        }
        (None, Some(_)) => {
            reader.add_error(CERTIFICATES, "must be set, because wallet.key is");
            return None;
        }
    };
    match PassIssuer::new(certificates.expose_secret(), key.expose_secret(), organization?) {
        Ok(issuer) => Some(Some(Arc::new(issuer))),
        Err(error) => {
            let name = if matches!(error, CertificateError::Key | CertificateError::OtherKey) { KEY } else { CERTIFICATES };
            reader.add_error(name, error);
            None
        }
    }
}

impl MaintenanceSettings {
    /// Merges the same sources, but reads only the section `amqp`.
    pub fn load_amqp(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<AmqpSettings, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let amqp = AmqpSettings::read(&mut reader, "booking-service dead-letters");
        reader.ignore_rest();
        reader.finish(amqp)
    }

    /// Merges the defaults, an optional file and the environment. Settings that only a serving process needs are ignored.
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
