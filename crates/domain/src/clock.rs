//! The one representation of an instant.

/// An instant in UTC. Stored and sent with microseconds, which is what PostgreSQL keeps.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
