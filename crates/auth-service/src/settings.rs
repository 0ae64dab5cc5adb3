//! The settings of `auth-service`, read once at the start. `default.toml` says what each of them means.

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use rowlock_platform::database::DatabaseSettings;
use rowlock_platform::http::HttpSettings;
use rowlock_platform::management::ManagementSettings;
use rowlock_platform::settings::{SettingsError, SettingsReader};
use rowlock_platform::telemetry::LogSettings;
use secrecy::{ExposeSecret, SecretString};

const DEFAULTS: &str = include_str!("default.toml");

/// All settings of a serving `auth-service`.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// The public port.
    pub http: HttpSettings,
    /// The operators' port.
    pub management: ManagementSettings,
    /// The database `rowlock_auth`.
    pub database: DatabaseSettings,
    /// Logs.
    pub log: LogSettings,
    /// Access and refresh tokens.
    pub tokens: TokenSettings,
    /// Hashing.
    pub passwords: PasswordSettings,
    /// Signing keys.
    pub keys: KeySettings,
    /// What makes the first administrator, if anything does.
    pub bootstrap_token: Option<SecretString>,
    /// How long requests in flight may take to end.
    pub drain: Duration,
}

/// What the other commands need: everything but the secrets of a serving process, so that a migration job does not
/// have to be given them.
#[derive(Debug, Clone)]
pub struct MaintenanceSettings {
    /// The operators' port.
    pub management: ManagementSettings,
    /// The database `rowlock_auth`.
    pub database: DatabaseSettings,
    /// Logs.
    pub log: LogSettings,
    /// Hashing.
    pub passwords: PasswordSettings,
}

/// What tokens say and how long they live.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The `iss` of access tokens.
    pub issuer: String,
    /// The `aud` of access tokens.
    pub audience: String,
    /// How long an access token is valid.
    pub access_ttl: TimeDelta,
    /// How long a session lives without a refresh.
    pub refresh_ttl: TimeDelta,
    /// How long the refresh token before the present one gets the same successor.
    pub refresh_grace: TimeDelta,
}

/// How passwords are hashed.
#[derive(Debug, Clone, Copy)]
pub struct PasswordSettings {
    /// The work of one hash, as a power of two.
    pub bcrypt_cost: u32,
    /// Hashes at once.
    pub concurrency: usize,
    /// Requests that may wait for their turn.
    pub queue: usize,
}

/// How signing keys are kept.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// What the keys for storage and for refresh tokens are derived from.
    pub encryption_key: SecretString,
    /// How long a key is public before it signs.
    pub publish_ahead: TimeDelta,
}

/// What every command reads; the secrets of a serving process may still be missing.
struct Sections {
    http: HttpSettings,
    management: ManagementSettings,
    database: DatabaseSettings,
    log: LogSettings,
    tokens: TokenSettings,
    passwords: PasswordSettings,
    encryption_key: Option<SecretString>,
    publish_ahead: TimeDelta,
    bootstrap_token: Option<SecretString>,
    drain: Duration,
}

impl AuthSettings {
    /// Merges the defaults, an optional file and the environment. The error names every wrong setting.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let sections = Sections::read(&mut reader, Secrets::Required);
        let settings = sections.and_then(|sections| {
            Some(Self {
                http: sections.http,
                management: sections.management,
                database: sections.database,
                log: sections.log,
                tokens: sections.tokens,
                passwords: sections.passwords,
                keys: KeySettings { encryption_key: sections.encryption_key?, publish_ahead: sections.publish_ahead },
                bootstrap_token: sections.bootstrap_token,
                drain: sections.drain,
            })
        });
        reader.finish(settings)
    }
}

impl MaintenanceSettings {
    /// Merges the defaults, an optional file and the environment. The error names every wrong setting.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let sections = Sections::read(&mut reader, Secrets::Optional);
        let settings = sections.map(|sections| Self {
            management: sections.management,
            database: sections.database,
            log: sections.log,
            passwords: sections.passwords,
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
    /// Reads everything before it gives up on anything, so that every wrong setting is named.
    fn read(reader: &mut SettingsReader, secrets: Secrets) -> Option<Self> {
        let http = HttpSettings::read(reader);
        let management = ManagementSettings::read(reader);
        let database = DatabaseSettings::read(reader);
        let log = LogSettings::read(reader);
        let tokens = TokenSettings::read(reader);
        let passwords = PasswordSettings::read(reader);
        let encryption_key = long_secret(reader, "keys.encryption_key", 32);
        if secrets == Secrets::Required && matches!(encryption_key, Some(None)) {
            reader.complain("keys.encryption_key", "must be set");
        }
        let publish_ahead = seconds(reader, "keys.publish_ahead_seconds", 1..=86_400);
        let bootstrap_token = long_secret(reader, "bootstrap.token", 16);
        let drain = reader.millis("shutdown.drain_ms", 100..=600_000);
        Some(Self {
            http: http?,
            management: management?,
            database: database?,
            log: log?,
            tokens: tokens?,
            passwords: passwords?,
            encryption_key: encryption_key?,
            publish_ahead: publish_ahead?,
            bootstrap_token: bootstrap_token?,
            drain: drain?,
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
        Some(Self {
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

/// A secret that may be absent, but not short. The outer `None` means that it was too short.
fn long_secret(reader: &mut SettingsReader, name: &str, min: usize) -> Option<Option<SecretString>> {
    let secret = reader.optional_secret(name);
    if secret.as_ref().is_some_and(|secret| secret.expose_secret().chars().count() < min) {
        reader.complain(name, format!("must be at least {min} characters"));
        return None;
    }
    Some(secret)
}
