//! Connections, each with limits on how long it may wait, run and idle in a transaction.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{PoolError as DeadpoolError, Timeouts};
use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool as diesel_pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};

use crate::Fault;

/// A pool of connections to one database.
pub type Pool = diesel_pool::Pool<AsyncPgConnection>;

/// A connection lent by a [`Pool`].
pub type Connection = diesel_pool::Object<AsyncPgConnection>;

/// Time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a statement may wait for a row lock.
    pub lock: Duration,
    /// How long a statement may run.
    pub statement: Duration,
    /// How long a transaction may stay open without a statement.
    pub idle_in_transaction: Duration,
    /// How long a new connection may take.
    pub connect: Duration,
    /// How long to wait for a free connection of the pool.
    pub checkout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(4),
            statement: Duration::from_secs(10),
            idle_in_transaction: Duration::from_secs(10),
            connect: Duration::from_secs(3),
            checkout: Duration::from_secs(4),
        }
    }
}

/// Why there is no connection, or why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database cannot be reached, or the connection was cut.
    #[error("the database is away: {0}")]
    Unavailable(String),
    /// All connections are in use, or a row stayed locked for too long.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// A statement was refused.
    #[error("a statement was refused: {0}")]
    Refused(#[source] diesel::result::Error),
}

impl From<diesel::result::Error> for DatabaseError {
    fn from(error: diesel::result::Error) -> Self {
        match Fault::of(&error) {
            Fault::Unavailable => Self::Unavailable(error.to_string()),
            Fault::Busy => Self::Busy(error.to_string()),
            Fault::Data => Self::Refused(error),
        }
    }
}

/// Opens a single connection with the limits set on it. `name` is what `pg_stat_activity` shows.
pub async fn connect(url: &SecretString, limits: Limits, name: &str) -> Result<AsyncPgConnection, DatabaseError> {
    establish(url.expose_secret().to_owned(), limits, name.to_owned()).await.map_err(|error| DatabaseError::Unavailable(error.to_string()))
}

async fn establish(url: String, limits: Limits, name: String) -> Result<AsyncPgConnection, ConnectionError> {
    let open = async {
        let mut conn = AsyncPgConnection::establish(&url).await?;
        let settings = format!(
            "SET application_name = '{}'; SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET timezone = 'UTC'",
            name.replace('\'', ""),
            limits.lock.as_millis(),
            limits.statement.as_millis(),
            limits.idle_in_transaction.as_millis(),
        );
        conn.batch_execute(&settings).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(conn)
    };
    tokio::time::timeout(limits.connect, open)
        .await
        .unwrap_or_else(|_| Err(ConnectionError::BadConnection(format!("no answer within {:?}", limits.connect))))
}

/// Makes a pool. Connections are opened when they are needed, so this succeeds while the database is away.
pub fn build_pool(url: &SecretString, size: usize, limits: Limits, name: &str) -> Result<Pool, DatabaseError> {
    let name = name.to_owned();
    let mut config = ManagerConfig::default();
    // `Fast` still notices an open transaction and a closed connection, and saves a round trip for each use.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| establish(url.to_owned(), limits, name.clone()).boxed());
    let manager = AsyncDieselConnectionManager::new_with_config(url.expose_secret(), config);
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts { wait: Some(limits.checkout), create: Some(limits.connect), recycle: Some(limits.connect) })
        .build()
        .map_err(|error| DatabaseError::Unavailable(error.to_string()))
}

/// Borrows a connection.
pub async fn checkout(pool: &Pool) -> Result<Connection, DatabaseError> {
    pool.get().await.map_err(|error| match error {
        DeadpoolError::Timeout(deadpool::managed::TimeoutType::Wait) => DatabaseError::Busy("all connections are in use".to_owned()),
        DeadpoolError::Backend(PoolError::QueryError(error)) => error.into(),
        other => DatabaseError::Unavailable(other.to_string()),
    })
}
