//! Source of time and of new ids. This is the only module that reads the system clock and the system's random numbers.

use std::sync::Arc;

use rowlock_domain::Timestamp;
use rowlock_domain::ids::uuid_v7;
use uuid::Uuid;

/// A source of time and ids that is passed as a parameter, so that tests can control the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

impl Clock {
    /// Returns the system clock, truncated to microseconds because PostgreSQL stores no more.
    #[allow(clippy::disallowed_methods, reason = "this is where the system clock is passed in from")]
    pub fn system() -> Self {
        Self(Arc::new(|| {
            let now = chrono::Utc::now();
            chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
        }))
    }

    /// Returns a clock that calls `now` for the time. Meant for tests.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// Returns a new UUIDv7 with the current time.
    pub fn uuid(&self) -> Uuid {
        uuid_v7(self.now(), rand::random())
    }
}
