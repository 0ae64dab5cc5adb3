//! Schema migrations, run only by the `migrate` commands: as the role that owns the schema and under an advisory lock, so
//! that concurrent runs wait for each other. The services themselves use a role that cannot change the schema.

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{Nullable, Text};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use secrecy::SecretString;

use crate::database_url::DatabaseUrl;
use crate::{ConnectionLimits, DatabaseError, connect};

/// The advisory lock that serializes all migrations of a database.
const MIGRATION_LOCK: i64 = 0x0072_6f77_6c6f_636b;

/// The reason why the schema could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be reached or rejected a statement.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A migration failed and was rolled back.
    #[error("the migration failed and was rolled back: {0}")]
    Migration(String),
    /// The service's database URL is not a URL or names no user, so there is no role to grant access to.
    #[error("cannot grant access to the tables: database.url names no user; use postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    NoServiceRole,
}

/// The state of the schema compared with what this build requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// All migrations of this build have been applied. Migrations of a later build may have been applied as well.
    UpToDate,
    /// At least one migration of this build has not been applied.
    Outdated {
        /// The version of the latest migration in this build.
        required: String,
        /// The version of the latest applied migration, or `None` if none has been applied.
        applied: Option<String>,
    },
}

/// Returns the versions of the embedded migrations in ascending order.
fn versions(migrations: &EmbeddedMigrations) -> Result<Vec<String>, MigrateError> {
    let found: Vec<Box<dyn Migration<Pg>>> = migrations.migrations().map_err(|error| MigrateError::Migration(error.to_string()))?;
    let mut versions: Vec<_> = found.iter().map(|migration| migration.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}

/// Applies the pending migrations and grants the role in `service_url` access to the rows, but not to the schema.
///
/// Returns the names of the migrations that this call applied. Concurrent calls wait for each other.
pub async fn migrate(
    owner_url: &SecretString,
    service_url: &SecretString,
    migrations: EmbeddedMigrations,
) -> Result<Vec<String>, MigrateError> {
    let service_role = DatabaseUrl::parse(service_url).ok().and_then(|url| url.user()).ok_or(MigrateError::NoServiceRole)?;
    let conn = connect_and_lock(owner_url).await?;
    let (mut conn, applied) = run_blocking(conn, move |harness| {
        harness.run_pending_migrations(migrations).map(|names| names.iter().map(ToString::to_string).collect())
    })
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
    Ok(applied)
}

/// Reverts every migration, which deletes all data. Meant for tests.
pub async fn revert_all(owner_url: &SecretString, migrations: EmbeddedMigrations) -> Result<(), MigrateError> {
    let conn = connect_and_lock(owner_url).await?;
    run_blocking(conn, move |harness| harness.revert_all_migrations(migrations).map(|_| ())).await.map(|_| ())
}

/// Connects as the owner of the schema and acquires the advisory lock, waiting for concurrent migrations to end.
/// PostgreSQL releases the lock when the connection closes.
async fn connect_and_lock(owner_url: &SecretString) -> Result<AsyncPgConnection, MigrateError> {
    let mut conn = connect(owner_url, ConnectionLimits::default(), "rowlock migrate").await?;
    conn.batch_execute(&format!("SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        .await
        .map_err(DatabaseError::from)?;
    Ok(conn)
}

type Harness = AsyncConnectionWrapper<AsyncPgConnection>;

/// Runs `work` on a blocking thread, because diesel's migration harness is synchronous and panics on an async thread.
async fn run_blocking<T: Send + 'static>(
    conn: AsyncPgConnection,
    work: impl FnOnce(&mut Harness) -> diesel::migration::Result<T> + Send + 'static,
) -> Result<(AsyncPgConnection, T), MigrateError> {
    tokio::task::spawn_blocking(move || {
        let mut harness = Harness::from(conn);
        let result = work(&mut harness).map_err(|error| MigrateError::Migration(error.to_string()))?;
        Ok((harness.into_inner(), result))
    })
    .await
    .map_err(|error| MigrateError::Migration(error.to_string()))?
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Nullable<Text>)]
    version: Option<String>,
}

/// Compares the applied migrations with those of this build.
pub async fn schema_state(conn: &mut AsyncPgConnection, migrations: &EmbeddedMigrations) -> Result<SchemaState, MigrateError> {
    let Some(required) = versions(migrations)?.pop() else { return Ok(SchemaState::UpToDate) };
    let exists: Option<Version> = diesel::sql_query("SELECT to_regclass('public.__diesel_schema_migrations')::text AS version WHERE has_table_privilege(to_regclass('public.__diesel_schema_migrations'), 'SELECT')")
        .get_result(conn)
        .await
        .optional()
        .map_err(DatabaseError::from)?;
    let applied = if exists.and_then(|row| row.version).is_some() {
        let row: Version = diesel::sql_query("SELECT max(version) AS version FROM __diesel_schema_migrations")
            .get_result(conn)
            .await
            .map_err(DatabaseError::from)?;
        row.version
    } else {
        None
    };
    Ok(if applied.as_deref() >= Some(required.as_str()) { SchemaState::UpToDate } else { SchemaState::Outdated { required, applied } })
}
