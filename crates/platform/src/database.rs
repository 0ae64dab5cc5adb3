//! Database settings of a service, and waiting until the schema has been migrated.

use std::time::Duration;

use diesel_migrations::EmbeddedMigrations;
use rowlock_postgres::{ConnectionLimits, MigrateError, Pool, SchemaState, check_url, checkout, schema_state};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::settings::SettingsReader;

/// Settings of the section `database`.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// URL with the role that the service uses. It can lead to a pooler in transaction mode if `session_url` does not.
    pub url: SecretString,
    /// URL for connections that keep a session of their own, for advisory locks and `LISTEN`. It is `url` unless it is set.
    pub session_url: SecretString,
    /// URL with the role that owns the schema. Only the command `migrate` needs it.
    pub migration_url: Option<SecretString>,
    /// Maximum number of pooled connections.
    pub pool_size: usize,
    /// Timeouts of each connection.
    pub limits: ConnectionLimits,
}

impl DatabaseSettings {
    /// Reads the section `database`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let url = reader.secret("database.url");
        let session_url = reader.optional_secret("database.session_url");
        let migration_url = reader.optional_secret("database.migration_url");
        for (name, url) in [("database.url", &url), ("database.session_url", &session_url), ("database.migration_url", &migration_url)] {
            if let Some(Err(error)) = url.as_ref().map(check_url) {
                reader.add_error(name, error);
            }
        }
        let pool_size = reader.number("database.pool_size", 2..=500);
        let lock = reader.millis("database.lock_timeout_ms", 10..=60_000);
        let statement = reader.millis("database.statement_timeout_ms", 10..=600_000);
        let idle_in_transaction = reader.millis("database.idle_in_transaction_timeout_ms", 10..=600_000);
        let connect = reader.millis("database.connect_timeout_ms", 10..=60_000);
        let checkout = reader.millis("database.checkout_timeout_ms", 10..=60_000);
        let url = url?;
        Some(Self {
            session_url: session_url.unwrap_or_else(|| url.clone()),
            url,
            migration_url,
            pool_size: pool_size?,
            limits: ConnectionLimits {
                lock: lock?,
                statement: statement?,
                idle_in_transaction: idle_in_transaction?,
                connect: connect?,
                checkout: checkout?,
            },
        })
    }
}

/// Checks that the database is reachable and that all migrations of this build have been applied. The error says which
/// condition does not hold.
pub async fn schema_ready(pool: &Pool, migrations: &EmbeddedMigrations) -> Result<(), String> {
    let mut conn = checkout(pool).await.map_err(|error| error.to_string())?;
    match schema_state(&mut conn, migrations).await {
        Ok(SchemaState::UpToDate) => Ok(()),
        Ok(SchemaState::Outdated { required, applied }) => Err(format!(
            "the schema is at version {}, but this build requires {required}; run the command `migrate`",
            applied.as_deref().unwrap_or("(none)")
        )),
        Err(MigrateError::Database(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits until [`schema_ready`] succeeds, and logs the reason for waiting whenever it changes. Returns false if `stop` is
/// cancelled first.
pub async fn wait_for_schema(pool: &Pool, migrations: &EmbeddedMigrations, stop: &CancellationToken) -> bool {
    let mut logged = String::new();
    loop {
        match schema_ready(pool, migrations).await {
            Ok(()) => return true,
            Err(reason) if reason != logged => {
                tracing::warn!(%reason, "waiting until the database is ready");
                logged = reason;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(Duration::from_millis(250)) => {}
        }
    }
}
