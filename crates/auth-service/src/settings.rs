//! Settings of `auth-service`, read once at the start. `default.toml` documents each of them.

use std::path::Path;

use chrono::TimeDelta;
use rowlock_domain::text::EmailDomains;
use rowlock_http::HttpSettings;
use rowlock_http::management::ManagementSettings;
use rowlock_http::revocations::RevocationSettings;
use rowlock_messaging::amqp::AmqpSettings;
use rowlock_messaging::outbox::RelaySettings;
use rowlock_platform::database::DatabaseSettings;
use rowlock_platform::lifecycle::ShutdownSettings;
use rowlock_platform::settings::{SettingsError, SettingsReader};
use rowlock_platform::telemetry::{LogSettings, TraceSettings};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::limits::LimitSettings;
use crate::mail::MailSettings;

const DEFAULTS: &str = include_str!("default.toml");

/// All settings of a serving `auth-service`.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// Public HTTP server.
    pub http: HttpSettings,
    /// Management server, for operators.
    pub management: ManagementSettings,
    /// The database `rowlock_auth`.
    pub database: DatabaseSettings,
    /// Logging.
    pub log: LogSettings,
    /// Access and refresh tokens.
    pub tokens: TokenSettings,
    /// Password hashing.
    pub passwords: PasswordSettings,
    /// Which domains the e-mail addresses of new accounts may have.
    pub email_domains: EmailDomains,
    /// E-mail to the owners of accounts.
    pub mail: MailSettings,
    /// Signing keys.
    pub keys: KeySettings,
    /// Rate limits of logins and registrations.
    pub limits: LimitSettings,
    /// Outbox relay; `None` if this process does not take part.
    pub relay: Option<RelaySettings>,
    /// Base URL of `booking-service`, from which the data for exports is fetched.
    pub booking_url: Url,
    /// Token that authorizes the creation of the first administrator; `None` if that is disabled.
    pub bootstrap_token: Option<SecretString>,
    /// Phases and timeouts of the shutdown.
    pub shutdown: ShutdownSettings,
    /// Tracing.
    pub traces: TraceSettings,
}

/// Settings of the other commands. The secrets of a serving process are not among them, so that a migration job does not have to
/// be given them.
#[derive(Debug, Clone)]
pub struct MaintenanceSettings {
    /// Management server, for operators.
    pub management: ManagementSettings,
    /// The database `rowlock_auth`.
    pub database: DatabaseSettings,
    /// Logging.
    pub log: LogSettings,
    /// Password hashing.
    pub passwords: PasswordSettings,
    /// Which domains the e-mail addresses of new accounts may have.
    pub email_domains: EmailDomains,
}

/// Claims and lifetimes of tokens.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The `iss` claim of access tokens.
    pub issuer: String,
    /// The `aud` claim of access tokens.
    pub audience: String,
    /// Lifetime of an access token.
    pub access_ttl: TimeDelta,
    /// Lifetime of a session that is not refreshed.
    pub refresh_ttl: TimeDelta,
    /// How long a superseded refresh token still gets the current successor.
    pub refresh_grace: TimeDelta,
    /// Read interval and maximum age of the revocation list.
    pub revocations: RevocationSettings,
}

impl TokenSettings {
    /// Returns how long a revoked session or account stays on the revocation list: the lifetime of an access token, plus a
    /// minute for clock skew.
    pub(crate) fn revoked_for(&self) -> TimeDelta {
        self.access_ttl + TimeDelta::minutes(1)
    }
}

/// Cost and concurrency of password hashing.
#[derive(Debug, Clone, Copy)]
pub struct PasswordSettings {
    /// Cost of bcrypt: the base-2 logarithm of the work.
    pub bcrypt_cost: u32,
    /// Maximum number of hashes computed at once.
    pub concurrency: usize,
    /// Maximum number of requests that wait for a hash.
    pub queue: usize,
}

/// Encryption and rotation of the signing keys.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// Secret from which the keys for storage and for refresh tokens are derived.
    pub encryption_key: SecretString,
    /// How long a new key is published before it signs.
    pub publish_ahead: TimeDelta,
}

/// Settings that every command reads. Secrets of a serving process may be missing.
struct Sections {
    http: HttpSettings,
    management: ManagementSettings,
    database: DatabaseSettings,
    log: LogSettings,
    tokens: TokenSettings,
    passwords: PasswordSettings,
    email_domains: EmailDomains,
    mail: Option<MailSettings>,
    encryption_key: Option<SecretString>,
    publish_ahead: TimeDelta,
    limits: LimitSettings,
    amqp: Option<AmqpSettings>,
    booking_url: Url,
    bootstrap_token: Option<SecretString>,
    shutdown: ShutdownSettings,
    traces: TraceSettings,
}

impl AuthSettings {
    /// Merges the defaults, an optional file and the environment. The error names every invalid setting.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let sections = Sections::read(&mut reader, Secrets::Required);
        let settings = sections.and_then(|sections| {
            let relay_database = sections.database.session_url.clone();
            Some(Self {
                http: sections.http,
                management: sections.management,
                database: sections.database,
                log: sections.log,
                tokens: sections.tokens,
                passwords: sections.passwords,
                email_domains: sections.email_domains,
                mail: sections.mail?,
                limits: sections.limits,
                relay: sections.amqp.map(|amqp| RelaySettings::new(relay_database, amqp)),
                booking_url: sections.booking_url,
                keys: KeySettings { encryption_key: sections.encryption_key?, publish_ahead: sections.publish_ahead },
                bootstrap_token: sections.bootstrap_token,
                shutdown: sections.shutdown,
                traces: sections.traces,
            })
        });
        reader.finish(settings)
    }
}

impl MaintenanceSettings {
    /// Merges the defaults, an optional file and the environment. The error names every invalid setting.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let sections = Sections::read(&mut reader, Secrets::Optional);
        let settings = sections.map(|sections| Self {
            management: sections.management,
            database: sections.database,
            log: sections.log,
            passwords: sections.passwords,
            email_domains: sections.email_domains,
        });
        reader.finish(settings)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Required,
    Optional,
}

impl Sections {
    /// Reads all settings before failing, so that the error names every invalid one.
    fn read(reader: &mut SettingsReader, secrets: Secrets) -> Option<Self> {
        let http = HttpSettings::read(reader);
        let management = ManagementSettings::read(reader);
        let database = DatabaseSettings::read(reader);
        let log = LogSettings::read(reader);
        let tokens = TokenSettings::read(reader);
        let passwords = PasswordSettings::read(reader);
        let email_domains = reader.value("accounts.allow_local_email_domains").map(EmailDomains::of_setting);
        let mail = if secrets == Secrets::Required {
            MailSettings::read(reader).map(Some)
        } else {
            reader.ignore_section("mail");
            reader.ignore_section("sealing");
            Some(None)
        };
        let encryption_key = long_secret(reader, "keys.encryption_key", 32);
        if secrets == Secrets::Required && matches!(encryption_key, Some(None)) {
            reader.add_error("keys.encryption_key", "must be set");
        }
        let publish_ahead = seconds(reader, "keys.publish_ahead_seconds", 1..=86_400);
        let limits = LimitSettings::read(reader);
        let relay = reader.value::<bool>("outbox.relay");
        let amqp = if secrets == Secrets::Required && relay != Some(false) {
            AmqpSettings::read(reader, "auth-service").map(Some)
        } else {
            reader.ignore_section("amqp");
            Some(None)
        };
        let booking_url = reader.value("booking.url");
        let bootstrap_token = long_secret(reader, "bootstrap.token", 16);
        let shutdown = ShutdownSettings::read(reader);
        let traces = TraceSettings::read(reader);
        Some(Self {
            http: http?,
            management: management?,
            database: database?,
            log: log?,
            tokens: tokens?,
            passwords: passwords?,
            email_domains: email_domains?,
            mail: mail?,
            encryption_key: encryption_key?,
            publish_ahead: publish_ahead?,
            limits: limits?,
            amqp: relay.and(amqp)?,
            booking_url: booking_url?,
            bootstrap_token: bootstrap_token?,
            shutdown: shutdown?,
            traces: traces?,
        })
    }
}

impl TokenSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let issuer = reader.value("tokens.issuer");
        let audience = reader.value("tokens.audience");
        let access_ttl = seconds(reader, "tokens.access_ttl_seconds", 1..=86_400);
        let refresh_ttl = seconds(reader, "tokens.refresh_ttl_seconds", 1..=366 * 86_400);
        let refresh_grace = seconds(reader, "tokens.refresh_grace_seconds", 0..=3_600);
        let revocations = RevocationSettings::read(reader);
        Some(Self {
            revocations: revocations?,
            issuer: issuer?,
            audience: audience?,
            access_ttl: access_ttl?,
            refresh_ttl: refresh_ttl?,
            refresh_grace: refresh_grace?,
        })
    }
}

impl PasswordSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let bcrypt_cost = reader.number("passwords.bcrypt_cost", 4..=15);
        let concurrency = reader.number("passwords.concurrency", 1..=256);
        let queue = reader.number("passwords.queue", 0..=10_000);
        Some(Self { bcrypt_cost: bcrypt_cost?, concurrency: concurrency?, queue: queue? })
    }
}

fn seconds(reader: &mut SettingsReader, name: &str, limits: std::ops::RangeInclusive<i64>) -> Option<TimeDelta> {
    reader.number(name, limits).map(TimeDelta::seconds)
}

/// Reads an optional secret of a minimum length in characters. The outer `None` means that it is too short.
fn long_secret(reader: &mut SettingsReader, name: &str, min: usize) -> Option<Option<SecretString>> {
    let secret = reader.optional_secret(name);
    if secret.as_ref().is_some_and(|secret| secret.expose_secret().chars().count() < min) {
        reader.add_error(name, format!("must be at least {min} characters"));
        return None;
    }
    Some(secret)
}
