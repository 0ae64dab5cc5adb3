//! Schema changes, made by `migrate` alone: under an advisory lock, by a role that serves nothing.

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{Nullable, Text};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use secrecy::{ExposeSecret, SecretString};

use crate::{DatabaseError, Limits, connect};

/// One number for all migrations of a database, whoever starts them.
const MIGRATION_LOCK: i64 = 0x0072_6f77_6c6f_636b;

/// Why the schema could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be reached or refused a statement.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A migration failed; what it did was rolled back.
    #[error("migration failed: {0}")]
    Migration(String),
    /// The address of the service role could not be read.
    #[error("the service's database URL names no user to grant access to")]
    NoServiceRole,
}

/// Whether the schema has what this build needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// All migrations of this build have run; later ones may have run as well.
    Ready,
    /// Some have not.
    Behind {
        /// The last migration that this build knows.
        needed: String,
        /// The last that has run, if any.
        found: Option<String>,
    },
}

fn versions(migrations: &EmbeddedMigrations) -> Result<Vec<String>, MigrateError> {
    let found: Vec<Box<dyn Migration<Pg>>> = migrations.migrations().map_err(|error| MigrateError::Migration(error.to_string()))?;
    let mut versions: Vec<_> = found.iter().map(|migration| migration.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}

/// Runs what has not run yet, and lets the role in `service_url` read and write the rows, not the schema.
/// Returns the names of the migrations that ran. Safe to start many times at once.
pub async fn migrate(
    owner_url: &SecretString,
    service_url: &SecretString,
    migrations: EmbeddedMigrations,
) -> Result<Vec<String>, MigrateError> {
    let service_role = url::Url::parse(service_url.expose_secret())
        .ok()
        .map(|url| url.username().to_owned())
        .filter(|user| !user.is_empty())
        .ok_or(MigrateError::NoServiceRole)?;
    let conn = locked(owner_url).await?;
    let (mut conn, ran) =
        blocking(conn, move |harness| harness.run_pending_migrations(migrations).map(|ran| ran.iter().map(ToString::to_string).collect()))
            .await?;
    let role = format!("\"{}\"", service_role.replace('"', "\"\""));
    conn.batch_execute(&format!(
        "GRANT USAGE ON SCHEMA public TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
         REVOKE INSERT, UPDATE, DELETE ON __diesel_schema_migrations FROM {role};"
    ))
    .await
    .map_err(DatabaseError::from)?;
    Ok(ran)
}

/// Takes every migration down again. For tests: it deletes everything.
pub async fn revert_all(owner_url: &SecretString, migrations: EmbeddedMigrations) -> Result<(), MigrateError> {
    let conn = locked(owner_url).await?;
    blocking(conn, move |harness| harness.revert_all_migrations(migrations).map(|_| ())).await.map(|_| ())
}

/// Connects as the owner and waits for other migrations to end. The lock goes with the connection.
async fn locked(owner_url: &SecretString) -> Result<AsyncPgConnection, MigrateError> {
    let mut conn = connect(owner_url, Limits::default(), "rowlock migrate").await?;
    conn.batch_execute(&format!("SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        .await
        .map_err(DatabaseError::from)?;
    Ok(conn)
}

type Harness = AsyncConnectionWrapper<AsyncPgConnection>;

/// diesel's migration harness is synchronous and must not run on an async thread.
async fn blocking<T: Send + 'static>(
    conn: AsyncPgConnection,
    work: impl FnOnce(&mut Harness) -> diesel::migration::Result<T> + Send + 'static,
) -> Result<(AsyncPgConnection, T), MigrateError> {
    tokio::task::spawn_blocking(move || {
        let mut harness = Harness::from(conn);
        let done = work(&mut harness).map_err(|error| MigrateError::Migration(error.to_string()))?;
        Ok((harness.into_inner(), done))
    })
    .await
    .map_err(|error| MigrateError::Migration(error.to_string()))?
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Nullable<Text>)]
    version: Option<String>,
}

/// Compares the schema with what this build needs.
pub async fn schema_state(conn: &mut AsyncPgConnection, migrations: &EmbeddedMigrations) -> Result<SchemaState, MigrateError> {
    let Some(needed) = versions(migrations)?.pop() else { return Ok(SchemaState::Ready) };
    let exists: Option<Version> = diesel::sql_query("SELECT to_regclass('public.__diesel_schema_migrations')::text AS version WHERE has_table_privilege(to_regclass('public.__diesel_schema_migrations'), 'SELECT')")
        .get_result(conn)
        .await
        .optional()
        .map_err(DatabaseError::from)?;
    let found = if exists.and_then(|row| row.version).is_some() {
        let row: Version = diesel::sql_query("SELECT max(version) AS version FROM __diesel_schema_migrations")
            .get_result(conn)
            .await
            .map_err(DatabaseError::from)?;
        row.version
    } else {
        None
    };
    Ok(if found.as_deref() >= Some(needed.as_str()) { SchemaState::Ready } else { SchemaState::Behind { needed, found } })
}
