//! Connection pools and connections. Every connection has timeouts for locks, statements and idle transactions.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{PoolError as DeadpoolError, QueueMode, Timeouts};
use diesel::{ConnectionError, QueryResult};
use diesel_async::pooled_connection::deadpool as diesel_pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use secrecy::SecretString;
use tokio_postgres::NoTls;

use crate::Fault;
use crate::database_url::{DatabaseUrl, Encryption};
use crate::tls::Connector;

/// A pool of connections to one database.
pub type Pool = diesel_pool::Pool<AsyncPgConnection>;

/// A connection checked out of a [`Pool`]. Dropping it returns it to the pool.
pub type Connection = diesel_pool::Object<AsyncPgConnection>;

/// Timeouts of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// How long a statement may wait for a lock (`lock_timeout`).
    pub lock: Duration,
    /// How long a statement may run (`statement_timeout`).
    pub statement: Duration,
    /// How long a transaction may stay open without a statement (`idle_in_transaction_session_timeout`).
    pub idle_in_transaction: Duration,
    /// How long opening a connection may take.
    pub connect: Duration,
    /// How long a caller waits for a free connection of the pool.
    pub checkout: Duration,
}

impl ConnectionLimits {
    /// Returns how long the client waits for the response to a statement before it closes the connection. This exceeds
    /// the server's own timeouts by one second, so it expires only if the server or the network is silent.
    pub fn response_timeout(&self) -> Duration {
        self.lock + self.statement + Duration::from_secs(1)
    }
}

impl Default for ConnectionLimits {
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

/// The reason why a connection could not be opened or a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database cannot be reached, or the connection was lost.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// All connections of the pool are in use, or PostgreSQL aborted the statement because of a timeout, a deadlock or a
    /// serialization failure. The caller can retry.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The connection was lost during COMMIT, so the transaction may have been committed.
    #[error("the connection was lost during COMMIT, so the transaction may or may not have been committed: {0}")]
    OutcomeUnknown(String),
    /// The database rejected a statement.
    #[error("the database rejected a statement: {0}")]
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

/// Opens a single connection outside any pool, with `limits` set on it. `name` is the `application_name` that
/// `pg_stat_activity` shows.
pub async fn connect(url: &SecretString, limits: ConnectionLimits, name: &str) -> Result<AsyncPgConnection, DatabaseError> {
    // Boxed, because a TLS handshake would make the future of every caller large.
    Box::pin(establish(&parse(url)?, limits, name, "")).await.map_err(|error| DatabaseError::Unavailable(error.to_string()))
}

fn parse(url: &SecretString) -> Result<DatabaseUrl, DatabaseError> {
    DatabaseUrl::parse(url).map_err(|error| DatabaseError::Unavailable(error.to_string()))
}

/// Opens a connection to the first server of the URL that accepts one. Each has an equal share of the time, so that a server that does
/// not respond leaves time for the others.
async fn open(url: &DatabaseUrl, limit: Duration) -> Result<AsyncPgConnection, ConnectionError> {
    let [server] = &url.servers[..] else {
        let share = limit / u32::try_from(url.servers.len()).unwrap_or(u32::MAX).max(1);
        let mut reasons = Vec::with_capacity(url.servers.len());
        for (number, server) in (1..).zip(&url.servers) {
            match tokio::time::timeout(share, open_on(server, url.encryption.as_ref())).await {
                Ok(Ok(conn)) => return Ok(conn),
                Ok(Err(error)) => reasons.push(format!("server {number}: {error}")),
                Err(_) => reasons.push(format!("server {number}: it did not accept the connection within {share:?}")),
            }
        }
        return Err(ConnectionError::BadConnection(reasons.join("; ")));
    };
    open_on(server, url.encryption.as_ref()).await
}

/// Opens a connection that is encrypted as the URL demands. The certificates are read each time, so that replaced ones are used without
/// a restart.
async fn open_on(server: &tokio_postgres::Config, encryption: Option<&Encryption>) -> Result<AsyncPgConnection, ConnectionError> {
    let failed = |error: &tokio_postgres::Error| ConnectionError::BadConnection(describe(error));
    let Some(encryption) = encryption.cloned() else {
        let (client, connection) = server.connect(NoTls).await.map_err(|error| failed(&error))?;
        return AsyncPgConnection::try_from_client_and_connection(client, connection).await;
    };
    let config = tokio::task::spawn_blocking(move || encryption.client_config())
        .await
        .map_err(|error| ConnectionError::BadConnection(error.to_string()))?
        .map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
    let (client, connection) = server.connect(Connector::new(config)).await.map_err(|error| failed(&error))?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// Returns the reason why a connection could not be opened. The error itself names only the step that failed.
fn describe(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(answer), _) => answer.message().to_owned(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

async fn establish(url: &DatabaseUrl, limits: ConnectionLimits, name: &str, planner: &str) -> Result<AsyncPgConnection, ConnectionError> {
    let open = async {
        let mut conn = open(url, limits.connect).await?;
        let settings = format!(
            "SET application_name = '{}'; SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET timezone = 'UTC'; {planner}",
            name.replace('\'', ""),
            limits.lock.as_millis(),
            limits.statement.as_millis(),
            limits.idle_in_transaction.as_millis(),
        );
        conn.batch_execute(&settings).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(conn)
    };
    tokio::time::timeout(limits.connect, open).await.unwrap_or_else(|_| {
        Err(ConnectionError::BadConnection(format!("the server did not accept the connection within {:?}", limits.connect)))
    })
}

/// Builds a pool of at most `size` connections. It opens them on demand, so this succeeds even if the database is down. It fails if the
/// URL is invalid; see [`check_url`](crate::check_url).
pub fn build_pool(url: &SecretString, size: usize, limits: ConnectionLimits, name: &str) -> Result<Pool, DatabaseError> {
    pool_with(url, size, limits, name, "")
}

/// Session settings for connections that only look up rows by key.
///
/// A prepared statement keeps the plan that it got while a table was empty, and such a plan scans the whole table once the
/// table has grown. These settings restrict the planner to index scans. The only remaining plan is then made once per
/// connection, because planning such a statement costs more than running it.
pub const KEY_LOOKUP_SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// Builds a pool with [`KEY_LOOKUP_SETTINGS`], for statements that only use indexes: lookups by key, joins with a few given
/// rows, and pages in index order.
pub fn build_keyed_pool(url: &SecretString, size: usize, limits: ConnectionLimits, name: &str) -> Result<Pool, DatabaseError> {
    pool_with(url, size, limits, name, KEY_LOOKUP_SETTINGS)
}

fn pool_with(url: &SecretString, size: usize, limits: ConnectionLimits, name: &str, planner: &'static str) -> Result<Pool, DatabaseError> {
    let (url, name) = (Arc::new(parse(url)?), Arc::<str>::from(name));
    let mut config = ManagerConfig::default();
    // `Fast` saves a round trip per checkout and still discards closed connections and those with an open transaction.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_| {
        let (url, name) = (Arc::clone(&url), Arc::clone(&name));
        async move { establish(&url, limits, &name, planner).await }.boxed()
    });
    // The setup has the parsed URL.
    let manager = AsyncDieselConnectionManager::new_with_config("", config);
    Pool::builder(manager)
        .max_size(size)
        // The server process of the most recently used connection has the warmest caches.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts { wait: Some(limits.checkout), create: Some(limits.connect), recycle: Some(limits.connect) })
        .build()
        .map_err(|error| DatabaseError::Unavailable(error.to_string()))
}

/// Checks a connection out of the pool.
///
/// # Errors
///
/// Returns [`DatabaseError::Busy`] if no connection becomes free within the checkout timeout, and
/// [`DatabaseError::Unavailable`] if a new one cannot be opened.
pub async fn checkout(pool: &Pool) -> Result<Connection, DatabaseError> {
    pool.get().await.map_err(|error| match error {
        DeadpoolError::Timeout(deadpool::managed::TimeoutType::Wait) => {
            DatabaseError::Busy("no connection of the pool became free in time".to_owned())
        }
        DeadpoolError::Backend(PoolError::QueryError(error)) => error.into(),
        other => DatabaseError::Unavailable(other.to_string()),
    })
}

/// Runs queries on the connections of a pool, with a timeout for a server that does not respond.
#[derive(Clone)]
pub struct Reader {
    pool: Pool,
    response_timeout: Duration,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("response_timeout", &self.response_timeout).finish_non_exhaustive()
    }
}

impl Reader {
    /// Creates a reader that closes a connection when its queries take longer than `response_timeout`.
    pub const fn new(pool: Pool, response_timeout: Duration) -> Self {
        Self { pool, response_timeout }
    }

    /// Runs `queries` on one connection of the pool. If they exceed the timeout, the connection is closed instead of being
    /// returned to the pool, and the result is [`DatabaseError::Unavailable`].
    pub async fn run<T>(&self, queries: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>) -> Result<T, DatabaseError> {
        let mut conn = checkout(&self.pool).await?;
        if let Ok(result) = tokio::time::timeout(self.response_timeout, queries(&mut conn)).await {
            return Ok(result?);
        }
        drop(Connection::take(conn));
        Err(DatabaseError::Unavailable(format!("the server did not respond within {:?}", self.response_timeout)))
    }
}
