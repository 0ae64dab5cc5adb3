//! Invalid settings: one message names all of them.

use auth_service::{AuthSettings, MaintenanceSettings};
use secrecy::ExposeSecret;

use crate::support::environment;

#[test]
fn the_defaults_are_as_documented() {
    let needed = [
        ("ROWLOCK__DATABASE__URL", "postgres://u:p@h/d"),
        ("ROWLOCK__KEYS__ENCRYPTION_KEY", "0123456789abcdef0123456789abcdef"),
        ("ROWLOCK__AMQP__URL", "amqp://u:p@h"),
    ];
    let settings = AuthSettings::load(None, needed.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8081");
    assert_eq!((settings.http.workers, settings.http.max_body_bytes), (2, 65_536));
    assert_eq!(settings.management.listen.to_string(), "127.0.0.1:9081");
    assert_eq!(settings.database.pool_size, 16);
    assert_eq!((settings.tokens.issuer.as_str(), settings.tokens.audience.as_str()), ("rowlock", "rowlock"));
    assert_eq!(settings.tokens.access_ttl.num_seconds(), 900);
    assert_eq!(settings.tokens.refresh_ttl.num_days(), 30);
    assert_eq!(settings.tokens.refresh_grace.num_seconds(), 60);
    assert_eq!((settings.passwords.bcrypt_cost, settings.passwords.concurrency, settings.passwords.queue), (12, 2, 32));
    assert_eq!(settings.keys.publish_ahead.num_seconds(), 120);
    assert!(settings.bootstrap_token.is_none());
    assert!(!settings.mail.enabled && !settings.mail.confirm_before_login && settings.mail.sealing.is_none());
    assert_eq!((settings.mail.reset_ttl.num_minutes(), settings.mail.confirm_ttl.num_days()), (30, 3));
    assert_eq!(settings.shutdown.drain.as_millis(), 15_000);
}

#[test]
fn one_message_names_every_invalid_setting_and_no_secret() {
    let wrong = [
        ("HTTP__LISTEN", "here"),
        ("HTTP__WORKERS", "0"),
        ("MANAGEMENT__LISTEN", "127.0.0.1"),
        ("DATABASE__URL", "mysql://user:hunter2@host/database"),
        ("LOG__FORMAT", "xml"),
        ("TOKENS__ACCESS_TTL_SECONDS", "0"),
        ("PASSWORDS__BCRYPT_COST", "16"),
        ("KEYS__ENCRYPTION_KEY", "short secret"),
        ("BOOTSTRAP__TOKEN", "hunter2"),
        ("SHUTDOWN__DRAIN_MS", "soon"),
        ("SEALING__KEY", "hunter2"),
        ("MAIL__RESET_LINK_SECONDS", "1"),
        ("PASWORDS__QUEUE", "1"),
    ];
    let message = AuthSettings::load(None, environment(&"".into(), &wrong)).unwrap_err().to_string();
    for (name, _) in wrong {
        assert!(message.contains(&format!("ROWLOCK__{name}")), "{name} is not in {message}");
    }
    assert_eq!(message.lines().count(), wrong.len() + 1, "{message}");
    assert!(!message.contains("hunter2") && !message.contains("short secret"), "{message}");
}

#[test]
fn missing_settings_are_named() {
    let message = AuthSettings::load(None, []).unwrap_err().to_string();
    assert!(message.contains("database.url (ROWLOCK__DATABASE__URL): must be set"), "{message}");
    assert!(message.contains("keys.encryption_key (ROWLOCK__KEYS__ENCRYPTION_KEY): must be set"), "{message}");
    assert!(!message.contains("sealing.key"), "{message}");
    let message = AuthSettings::load(None, [("ROWLOCK__MAIL__ENABLED".to_owned(), "true".to_owned())]).unwrap_err().to_string();
    assert!(message.contains("sealing.key (ROWLOCK__SEALING__KEY): must be set"), "{message}");
}

#[test]
fn a_migration_needs_no_secret_of_the_service() {
    let url = [("ROWLOCK__DATABASE__URL".to_owned(), "postgres://u:p@h/d".to_owned())];
    assert!(MaintenanceSettings::load(None, url.clone()).is_ok());
    assert!(AuthSettings::load(None, url).is_err());
}

#[test]
fn a_file_overrides_defaults_and_the_environment_overrides_the_file() {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(file.path(), "[tokens]\nissuer = 'file'\naudience = 'file'\n[passwords]\nqueue = 7\n").unwrap();
    let url = "postgres://u:p@h/d".into();
    let settings = AuthSettings::load(Some(file.path()), environment(&url, &[("TOKENS__ISSUER", "environment")])).unwrap();
    assert_eq!((settings.tokens.issuer.as_str(), settings.tokens.audience.as_str(), settings.passwords.queue), ("environment", "file", 7));
    assert_eq!(settings.database.url.expose_secret(), url.expose_secret());
}
