//! PostgreSQL access that is independent of the stored data: connections with timeouts and TLS, error classification, migrations
//! under an advisory lock, and prepared statements.

mod committed;
mod database_url;
mod fault;
mod migrate;
mod pool;
mod statement;
mod tls;

pub use committed::{ConnectionGuard, WriteError, committed};
pub use database_url::{UrlError, check_url};
pub use fault::Fault;
pub use migrate::{MigrateError, SchemaState, migrate, revert_all, schema_state};
pub use pool::{
    Connection, ConnectionLimits, DatabaseError, KEY_LOOKUP_SETTINGS, Pool, Reader, build_keyed_pool, build_pool, checkout, connect,
};
#[doc(hidden)]
pub use statement::StatementText;
