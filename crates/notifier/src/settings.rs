//! Settings of `notifier`. `default.toml` documents each of them.

mod broadcasts;
mod pace;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use lettre::message::Mailbox;
use rowlock_domain::states::Language;
use rowlock_http::HttpSettings;
use rowlock_http::management::ManagementSettings;
use rowlock_http::tokens::TokenSettings;
use rowlock_messaging::amqp::AmqpSettings;
use rowlock_platform::database::DatabaseSettings;
use rowlock_platform::lifecycle::ShutdownSettings;
use rowlock_platform::settings::{SettingsError, SettingsReader};
use rowlock_platform::telemetry::{LogSettings, TraceSettings};
use rowlock_sealing::SealingKeys;
use secrecy::SecretString;
use url::Url;

pub use self::broadcasts::BroadcastSettings;
pub use self::pace::PaceSettings;
use crate::attachments::TicketAttacher;
use crate::delivery::RetryPlan;
use crate::webhooks::WebhookSettings;

const DEFAULTS: &str = include_str!("default.toml");

/// A mail is started in the first half of a lease, and takes at most ten steps: checking an idle connection and using it, connecting,
/// encrypting, logging in, three commands, the content, and a reset.
const STEPS_PER_LEASE: u32 = 20;

/// All settings of the command `serve`.
#[derive(Debug, Clone)]
pub struct NotifierSettings {
    /// The public HTTP server.
    pub http: HttpSettings,
    /// Verification of access tokens.
    pub tokens: TokenSettings,
    /// The section `notifier`.
    pub work: WorkSettings,
    /// The section `broadcasts`.
    pub broadcasts: BroadcastSettings,
    /// The section `mail`.
    pub mail: MailSettings,
    /// The section `webhooks`.
    pub webhooks: WebhookSettings,
    /// The section `sealing`.
    pub sealing: SealingKeys,
    /// The section `site`.
    pub site: SiteSettings,
    /// The section `api`.
    pub api: ApiSettings,
    /// The management port.
    pub management: ManagementSettings,
    /// The database `rowlock_notifier`.
    pub database: DatabaseSettings,
    /// The broker connection.
    pub amqp: AmqpSettings,
    /// Phases and timeouts of the shutdown.
    pub shutdown: ShutdownSettings,
    /// The section `log`.
    pub log: LogSettings,
    /// The section `telemetry`.
    pub traces: TraceSettings,
}

/// Settings of the section `notifier`.
#[derive(Debug, Clone, Copy)]
pub struct WorkSettings {
    /// Maximum number of unacknowledged messages, from 1 to 10,000.
    pub prefetch: u16,
    /// How fast messages about bookings and waiting lists are taken.
    pub pace: PaceSettings,
    /// Maximum number of deliveries that are claimed at a time, from 1 to 500.
    pub batch: u16,
    /// Interval at which due deliveries are looked for.
    pub poll_interval: Duration,
    /// How long a claimed delivery may take before its outcome counts as unclear.
    pub lease: Duration,
    /// How long settled deliveries are kept.
    pub keep: Duration,
}

/// Settings of the section `mail`.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The sender of all mails.
    pub from: Mailbox,
    /// Language of mails to accounts without one.
    pub(crate) default_language: Language,
    /// Maximum number of mails per minute; 0 for no limit.
    pub per_minute: u32,
    /// When a delivery is tried again.
    pub(crate) retries: RetryPlan,
    /// Maximum number of tickets that a mail carries; `None` if mails carry no files.
    pub(crate) max_attached_tickets: Option<u32>,
    /// How mails leave the notifier.
    pub transport: TransportSettings,
}

/// How mails leave the notifier.
#[derive(Debug, Clone)]
pub enum TransportSettings {
    /// They are handed to an SMTP server.
    Smtp(SmtpSettings),
    /// They are written into a folder.
    Folder(PathBuf),
}

/// Settings of the section `smtp`.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Name of the server, which its certificate must contain.
    pub host: String,
    /// Port of the server.
    pub port: u16,
    /// Encryption of the connection.
    pub security: Security,
    /// Certificates in PEM format of authorities that are trusted besides those of the machine.
    pub ca_certificates: Option<String>,
    /// User and password, if the server requires them.
    pub credentials: Option<(String, SecretString)>,
    /// Maximum time for each step of a delivery.
    pub timeout: Duration,
    /// Maximum number of connections.
    pub connections: usize,
}

/// Encryption of an SMTP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// The connection is not encrypted.
    None,
    /// The connection is encrypted after a command (port 587). A server without `STARTTLS` gets no mail.
    StartTls,
    /// The connection is encrypted from the start (port 465).
    Tls,
}

impl FromStr for Security {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "none" => Ok(Self::None),
            "starttls" => Ok(Self::StartTls),
            "tls" => Ok(Self::Tls),
            _ => Err("must be none, starttls or tls"),
        }
    }
}

/// Settings of the section `site`.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// URL under which visitors reach the site.
    pub public_url: Url,
    /// Name of the box office.
    pub name: String,
}

impl SiteSettings {
    /// Returns the absolute URL of a path of the site.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// Settings of the section `api`.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Base URL of auth-service.
    pub auth_url: Url,
    /// Base URL of booking-service.
    pub booking_url: Url,
    /// Maximum time to wait for a response.
    pub timeout: Duration,
    /// How long details of an event are kept.
    pub keep: Duration,
}

/// Settings of the other commands.
#[derive(Debug, Clone)]
pub struct MaintenanceSettings<T> {
    /// The section that the command needs.
    pub part: T,
    /// The section `log`.
    pub log: LogSettings,
}

impl NotifierSettings {
    /// Merges the defaults, an optional file and the environment. The error names every invalid setting.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let http = HttpSettings::read(&mut reader);
        let tokens = TokenSettings::read(&mut reader);
        let webhooks = WebhookSettings::read(&mut reader);
        let work = WorkSettings::read(&mut reader);
        let broadcasts = BroadcastSettings::read(&mut reader);
        let mail = MailSettings::read(&mut reader);
        if let (Some(work), Some(MailSettings { transport: TransportSettings::Smtp(smtp), .. })) = (&work, &mail)
            && work.lease < smtp.timeout.saturating_mul(STEPS_PER_LEASE)
        {
            reader.add_error("notifier.lease_ms", format!("must be at least {STEPS_PER_LEASE} times smtp.timeout_ms"));
        }
        let sealing = SealingKeys::read(&mut reader);
        let site = SiteSettings::read(&mut reader);
        let api = ApiSettings::read(&mut reader);
        let management = ManagementSettings::read(&mut reader);
        let database = DatabaseSettings::read(&mut reader);
        let amqp = AmqpSettings::read(&mut reader, "notifier");
        let shutdown = ShutdownSettings::read(&mut reader);
        let log = LogSettings::read(&mut reader);
        let traces = TraceSettings::read(&mut reader);
        let settings = (|| {
            Some(Self {
                http: http?,
                tokens: tokens?,
                work: work?,
                broadcasts: broadcasts?,
                mail: mail?,
                webhooks: webhooks?,
                sealing: sealing?,
                site: site?,
                api: api?,
                management: management?,
                database: database?,
                amqp: amqp?,
                shutdown: shutdown?,
                log: log?,
                traces: traces?,
            })
        })();
        reader.finish(settings)
    }
}

impl WorkSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let prefetch = reader.number("notifier.prefetch", 1..=10_000);
        let pace = PaceSettings::read(reader);
        let batch = reader.number("notifier.batch", 1..=500);
        let poll_interval = reader.millis("notifier.poll_interval_ms", 10..=60_000);
        let lease = reader.millis("notifier.lease_ms", 1_000..=3_600_000);
        let keep = reader.number("notifier.keep_days", 1..=3_650_u64).map(|days| Duration::from_secs(days.saturating_mul(86_400)));
        Some(Self { prefetch: prefetch?, pace: pace?, batch: batch?, poll_interval: poll_interval?, lease: lease?, keep: keep? })
    }
}

impl MailSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let from = reader.value("mail.from");
        let default_language = reader.value("mail.default_language");
        let per_minute = reader.number("mail.per_minute", 0..=1_000_000);
        let delays = reader.millis_list("mail.retry_delays_ms", 1..=86_400_000);
        let give_up_after = reader.millis("mail.give_up_after_ms", 0..=604_800_000);
        let max = TicketAttacher::read_max(reader);
        let folder = reader.optional::<PathBuf>("mail.folder");
        let smtp = SmtpSettings::read(reader);
        let transport = match (smtp?, folder?) {
            (Some(smtp), _) => TransportSettings::Smtp(smtp),
            (None, Some(folder)) => TransportSettings::Folder(folder),
            (None, None) => {
                reader.add_error("smtp.host", "must be set, unless mail.folder is");
                return None;
            }
        };
        let retries = RetryPlan { delays: delays?, give_up_after: give_up_after? };
        let (from, default_language, per_minute) = (from?, default_language?, per_minute?);
        Some(Self { from, default_language, per_minute, retries, max_attached_tickets: max?, transport })
    }
}

impl SmtpSettings {
    /// Reads the section `smtp`. Returns `Some(None)` if no host is set.
    fn read(reader: &mut SettingsReader) -> Option<Option<Self>> {
        let host = reader.optional("smtp.host");
        let port = reader.number("smtp.port", 1..=u16::MAX);
        let security = reader.value("smtp.security");
        let ca_certificates: Option<Option<String>> = reader.optional("smtp.ca_certificates");
        if let Some(Some(text)) = &ca_certificates
            && !text.contains("-----BEGIN CERTIFICATE-----")
        {
            reader.add_error("smtp.ca_certificates", "must contain certificates in PEM format");
        }
        let user = reader.optional("smtp.user");
        let password = reader.optional_secret("smtp.password");
        let timeout = reader.millis("smtp.timeout_ms", 100..=600_000);
        let connections = reader.number("smtp.connections", 1..=100);
        let credentials = match (user?, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            _ => {
                reader.add_error("smtp.password", "must be set together with smtp.user");
                return None;
            }
        };
        let Some(host) = host? else { return Some(None) };
        let (port, security, timeout) = (port?, security?, timeout?);
        let (ca_certificates, connections) = (ca_certificates?, connections?);
        Some(Some(Self { host, port, security, ca_certificates, credentials, timeout, connections }))
    }
}

impl SiteSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let public_url = http_url(reader, "site.public_url");
        let name = reader.value("site.name");
        Some(Self { public_url: public_url?, name: name? })
    }
}

impl ApiSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let auth_url = http_url(reader, "api.auth_url");
        let booking_url = http_url(reader, "api.booking_url");
        let timeout = reader.millis("api.timeout_ms", 100..=60_000);
        let keep = reader.millis("api.keep_ms", 0..=600_000);
        Some(Self { auth_url: auth_url?, booking_url: booking_url?, timeout: timeout?, keep: keep? })
    }
}

/// Reads a URL that begins with `http://` or `https://`.
fn http_url(reader: &mut SettingsReader, name: &str) -> Option<Url> {
    let url: Url = reader.value(name)?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        return Some(url);
    }
    reader.add_error(name, "must be a URL that begins with http:// or https://");
    None
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
