//! The database as a service uses it: its settings, and waiting for the schema.

use std::time::Duration;

use diesel_migrations::EmbeddedMigrations;
use rowlock_postgres::{ConnectionLimits, MigrateError, Pool, SchemaState, checkout, schema_state};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::settings::SettingsReader;

const SCHEMES: [&str; 2] = ["postgres", "postgresql"];

/// How a service reaches its database.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// The address, with the role that serves.
    pub url: SecretString,
    /// The address, with the role that owns the schema. Only `migrate` needs it.
    pub migration_url: Option<SecretString>,
    /// Most connections at once.
    pub pool_size: usize,
    /// Time limits of each connection.
    pub limits: ConnectionLimits,
}

impl DatabaseSettings {
    /// Reads the section `database`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let url = reader.secret_url("database.url", &SCHEMES);
        let migration_url = reader.optional_secret_url("database.migration_url", &SCHEMES);
        let pool_size = reader.number("database.pool_size", 2..=500);
        let lock = reader.millis("database.lock_timeout_ms", 10..=60_000);
        let statement = reader.millis("database.statement_timeout_ms", 10..=600_000);
        let idle_in_transaction = reader.millis("database.idle_in_transaction_timeout_ms", 10..=600_000);
        let connect = reader.millis("database.connect_timeout_ms", 10..=60_000);
        let checkout = reader.millis("database.checkout_timeout_ms", 10..=60_000);
        Some(Self {
            url: url?,
            migration_url: migration_url?,
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

/// Whether the database answers and its schema has what this build needs.
pub async fn schema_ready(pool: &Pool, migrations: &EmbeddedMigrations) -> Result<(), String> {
    let mut conn = checkout(pool).await.map_err(|error| error.to_string())?;
    match schema_state(&mut conn, migrations).await {
        Ok(SchemaState::UpToDate) => Ok(()),
        Ok(SchemaState::Outdated { required, applied }) => {
            Err(format!("the schema is at {}, this build needs {required}: run «migrate»", applied.as_deref().unwrap_or("nothing")))
        }
        Err(MigrateError::Database(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits until the schema is ready, and says what it waits for whenever that changes. False when told to stop.
pub async fn wait_for_schema(pool: &Pool, migrations: &EmbeddedMigrations, stop: &CancellationToken) -> bool {
    let mut said = String::new();
    loop {
        match schema_ready(pool, migrations).await {
            Ok(()) => return true,
            Err(reason) if reason != said => {
                tracing::warn!(%reason, "waiting for the database");
                said = reason;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(Duration::from_millis(250)) => {}
        }
    }
}
