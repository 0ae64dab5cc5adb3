//! The one place that reads the system clock and the system's randomness.

use std::sync::Arc;

use rowlock_domain::Timestamp;
use rowlock_domain::ids::uuid_v7;
use uuid::Uuid;

/// Where time and ids come from. Passed in, so that a test can hold time still.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

impl Clock {
    /// The system's clock, to the microsecond, which is what PostgreSQL keeps.
    #[allow(clippy::disallowed_methods, reason = "this is where the system clock is passed in from")]
    pub fn system() -> Self {
        Self(Arc::new(|| {
            let now = chrono::Utc::now();
            chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
        }))
    }

    /// A clock of one's own, for tests.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// A fresh UUIDv7.
    pub fn uuid(&self) -> Uuid {
        uuid_v7(self.now(), rand::random())
    }
}
