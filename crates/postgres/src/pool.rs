//! Connections, each with limits on how long it may wait, run and idle in a transaction.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{PoolError as DeadpoolError, QueueMode, Timeouts};
use diesel::{ConnectionError, QueryResult};
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

impl Limits {
    /// How long to wait for the answer to a statement before the connection is given up: longer than the server would
    /// need to say no.
    pub fn patience(&self) -> Duration {
        self.lock + self.statement + Duration::from_secs(1)
    }
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
    /// The connection was lost during COMMIT: the transaction may have been committed.
    #[error("it is not known whether the transaction was committed: {0}")]
    Unknown(String),
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
    establish(url.expose_secret().to_owned(), limits, name.to_owned(), "")
        .await
        .map_err(|error| DatabaseError::Unavailable(error.to_string()))
}

/// Lets the operating system notice within half a minute that the other end is gone, unless the address says otherwise.
fn with_keepalives(url: &str) -> String {
    let Ok(mut parsed) = url::Url::parse(url) else { return url.to_owned() };
    for (name, value) in [("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_retries", "3"), ("tcp_user_timeout", "30")]
    {
        if !parsed.query_pairs().any(|(given, _)| given == name) {
            parsed.query_pairs_mut().append_pair(name, value);
        }
    }
    parsed.into()
}

async fn establish(url: String, limits: Limits, name: String, planner: &str) -> Result<AsyncPgConnection, ConnectionError> {
    let open = async {
        let mut conn = AsyncPgConnection::establish(&with_keepalives(&url)).await?;
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
    tokio::time::timeout(limits.connect, open)
        .await
        .unwrap_or_else(|_| Err(ConnectionError::BadConnection(format!("no answer within {:?}", limits.connect))))
}

/// Makes a pool. Connections are opened when they are needed, so this succeeds while the database is away.
pub fn build_pool(url: &SecretString, size: usize, limits: Limits, name: &str) -> Result<Pool, DatabaseError> {
    pool_with(url, size, limits, name, "")
}

/// A plan that was made while a table was empty, and is kept with its prepared statement, reads the whole table once it is
/// full. Statements that go by keys alone are kept to the indexes, and as there is then one way to go, they are planned once
/// per connection: planning them each time costs more than running them.
pub const BY_KEYS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// Makes a pool for statements that go by keys: lookups, joins with a few given rows, pages in the order of an index.
pub fn build_keyed_pool(url: &SecretString, size: usize, limits: Limits, name: &str) -> Result<Pool, DatabaseError> {
    pool_with(url, size, limits, name, BY_KEYS)
}

fn pool_with(url: &SecretString, size: usize, limits: Limits, name: &str, planner: &'static str) -> Result<Pool, DatabaseError> {
    let name = name.to_owned();
    let mut config = ManagerConfig::default();
    // `Fast` still notices an open transaction and a closed connection, and saves a round trip for each use.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| establish(url.to_owned(), limits, name.clone(), planner).boxed());
    let manager = AsyncDieselConnectionManager::new_with_config(url.expose_secret(), config);
    Pool::builder(manager)
        .max_size(size)
        // The one that was used last: its server process has everything at hand.
        .queue_mode(QueueMode::Lifo)
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

/// Reads from a pool, with a limit on how long a silent server is waited for.
#[derive(Clone)]
pub struct Reader {
    pool: Pool,
    patience: Duration,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader that gives a connection up after `patience`.
    pub const fn new(pool: Pool, patience: Duration) -> Self {
        Self { pool, patience }
    }

    /// Runs queries on a connection of the pool. One that does not answer in time is closed, not lent again.
    pub async fn run<T>(&self, queries: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>) -> Result<T, DatabaseError> {
        let mut conn = checkout(&self.pool).await?;
        if let Ok(result) = tokio::time::timeout(self.patience, queries(&mut conn)).await {
            return Ok(result?);
        }
        drop(Connection::take(conn));
        Err(DatabaseError::Unavailable(format!("no answer within {:?}", self.patience)))
    }
}
