//! How Rowlock talks to PostgreSQL, whatever is stored there: connections with time limits, what an error
//! means, migrations under a lock, and statements that stay prepared.

mod committed;
mod fault;
mod migrate;
mod pool;
mod statement;

pub use committed::{Lent, WriteError, committed};
pub use fault::Fault;
pub use migrate::{MigrateError, SchemaState, migrate, revert_all, schema_state};
pub use pool::{BY_KEYS, Connection, DatabaseError, Limits, Pool, Reader, build_keyed_pool, build_pool, checkout, connect};
#[doc(hidden)]
pub use statement::StatementText;
