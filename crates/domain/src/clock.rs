//! The timestamp type that all crates share.

/// An instant in UTC. It is stored and sent with microsecond precision, which is the precision of PostgreSQL.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
