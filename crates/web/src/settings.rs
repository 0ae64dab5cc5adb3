//! Settings of `web`, read once at the start. `default.toml` documents each of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rowlock_http::HttpSettings;
use rowlock_http::management::ManagementSettings;
use rowlock_platform::lifecycle::ShutdownSettings;
use rowlock_platform::settings::{SettingsError, SettingsReader};
use rowlock_platform::telemetry::{LogSettings, TraceSettings};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::live::LiveSettings;
use crate::view::color::Color;

const DEFAULTS: &str = include_str!("default.toml");

/// Minimum contrast between text and its background (WCAG 2.2, level AA).
const MIN_CONTRAST: f64 = 4.5;

/// All settings of `web`.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// Public HTTP server.
    pub http: HttpSettings,
    /// Management server, for operators.
    pub management: ManagementSettings,
    /// Address and appearance of the site.
    pub site: SiteSettings,
    /// The services of the API.
    pub api: ApiSettings,
    /// Session cookie.
    pub session: SessionSettings,
    /// Limits of the live pages.
    pub live: LiveSettings,
    /// Logging.
    pub log: LogSettings,
    /// Phases and timeouts of the shutdown.
    pub shutdown: ShutdownSettings,
    /// Tracing.
    pub traces: TraceSettings,
}

/// Settings of the section `site`.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// URL under which visitors reach the site.
    pub public_url: Url,
    /// Name of the box office.
    pub name: String,
    /// Accent color on a light background.
    pub accent_light: Color,
    /// Accent color on a dark background.
    pub accent_dark: Color,
    /// How long public pages are served from memory.
    pub keep: Duration,
    /// Whether auth-service sends e-mail.
    pub mail: bool,
    /// Folder into which the notifier writes mails, if the pages that show them are wanted.
    pub mail_folder: Option<PathBuf>,
}

/// Settings of the section `api`.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Base URL of auth-service.
    pub auth_url: Url,
    /// Base URL of booking-service.
    pub booking_url: Url,
    /// Base URL of the notifier, if the desk has pages for webhooks and mails.
    pub notifier_url: Option<Url>,
    /// Maximum time to wait for a response.
    pub timeout: Duration,
}

/// Settings of the section `session`.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// Encrypts the session cookie and signs form tokens.
    pub key: SecretString,
    /// How long the browser keeps the cookie.
    pub max_age_seconds: i64,
}

impl WebSettings {
    /// Merges the defaults, an optional file and the environment. The error names every invalid setting.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::load(DEFAULTS, file, environment)?;
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    /// Reads all settings before failing, so that the error names every invalid one.
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let http = HttpSettings::read(reader);
        let management = ManagementSettings::read(reader);
        let site = SiteSettings::read(reader);
        let api = ApiSettings::read(reader);
        let session = SessionSettings::read(reader);
        let live = LiveSettings::read(reader);
        let log = LogSettings::read(reader);
        let shutdown = ShutdownSettings::read(reader);
        let traces = TraceSettings::read(reader);
        Some(Self {
            http: http?,
            management: management?,
            site: site?,
            api: api?,
            session: session?,
            live: live?,
            log: log?,
            shutdown: shutdown?,
            traces: traces?,
        })
    }
}

impl SiteSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let public_url = http_url(reader, "site.public_url");
        let name = reader.value("site.name");
        let accent_light = accent(reader, "site.accent_light", Color::WHITE);
        let accent_dark = accent(reader, "site.accent_dark", Color::DARK_BACKGROUND);
        let keep = reader.millis("site.keep_ms", 0..=60_000);
        let mail = reader.value("site.mail");
        let mail_folder = reader.optional("site.mail_folder");
        Some(Self {
            public_url: public_url?,
            name: name?,
            accent_light: accent_light?,
            accent_dark: accent_dark?,
            keep: keep?,
            mail: mail?,
            mail_folder: mail_folder?,
        })
    }

    /// Returns whether visitors reach the site over TLS.
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Returns the absolute URL of a path of the site.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

impl ApiSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let auth_url = http_url(reader, "api.auth_url");
        let booking_url = http_url(reader, "api.booking_url");
        let notifier_url = optional_http_url(reader, "api.notifier_url");
        let timeout = reader.millis("api.timeout_ms", 100..=60_000);
        Some(Self { auth_url: auth_url?, booking_url: booking_url?, notifier_url: notifier_url?, timeout: timeout? })
    }
}

impl SessionSettings {
    fn read(reader: &mut SettingsReader) -> Option<Self> {
        let key = reader.secret("session.key");
        let is_short = key.as_ref().is_some_and(|key| key.expose_secret().chars().count() < 32);
        if is_short {
            reader.add_error("session.key", "must be at least 32 characters");
        }
        let max_age_seconds = reader.number("session.max_age_seconds", 60..=366 * 86_400);
        Some(Self { key: key.filter(|_| !is_short)?, max_age_seconds: max_age_seconds? })
    }
}

fn http_url(reader: &mut SettingsReader, name: &str) -> Option<Url> {
    let url = reader.value(name)?;
    checked_http_url(reader, name, url)
}

/// Reads an optional URL. An empty value counts as absent.
fn optional_http_url(reader: &mut SettingsReader, name: &str) -> Option<Option<Url>> {
    match reader.optional(name)? {
        None => Some(None),
        Some(url) => checked_http_url(reader, name, url).map(Some),
    }
}

fn checked_http_url(reader: &mut SettingsReader, name: &str, url: Url) -> Option<Url> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        reader.add_error(name, "must be a URL that begins with http:// or https://");
        return None;
    }
    Some(url)
}

fn accent(reader: &mut SettingsReader, name: &str, background: Color) -> Option<Color> {
    let color: Color = reader.value(name)?;
    let contrast = color.contrast_with(background);
    if contrast < MIN_CONTRAST {
        reader.add_error(name, format!("has a contrast of {contrast:.1}:1 with {background}, but text needs {MIN_CONTRAST}:1"));
        return None;
    }
    Some(color)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<WebSettings, SettingsError> {
        WebSettings::load(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    const KEY: (&str, &str) = ("ROWLOCK__SESSION__KEY", "0123456789abcdef0123456789abcdef");

    #[test]
    fn the_defaults_need_only_a_session_key() {
        let settings = load(&[KEY]).unwrap();
        assert!(!settings.site.is_secure());
        assert_eq!(settings.site.absolute("/help"), "http://localhost:3000/help");
        assert_eq!(settings.api.notifier_url, None);
        let errors = load(&[]).unwrap_err().0;
        assert_eq!(errors, ["session.key (ROWLOCK__SESSION__KEY): must be set"]);
    }

    #[test]
    fn every_invalid_setting_is_named() {
        let bad = [
            ("ROWLOCK__SESSION__KEY", "short"),
            ("ROWLOCK__SITE__ACCENT_LIGHT", "#ffff00"),
            ("ROWLOCK__SITE__PUBLIC_URL", "ftp://box.example"),
            ("ROWLOCK__API__NOTIFIER_URL", "notifier:8085"),
        ];
        let errors = load(&bad).unwrap_err().to_string();
        assert!(errors.contains("session.key") && errors.contains("at least 32 characters"), "{errors}");
        assert!(errors.contains("site.accent_light") && errors.contains("a contrast of 1.1:1 with #ffffff"), "{errors}");
        assert!(errors.contains("site.public_url") && errors.contains("api.notifier_url"), "{errors}");
    }
}
