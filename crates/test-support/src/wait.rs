//! Waits for conditions with a deadline, instead of sleeping for a fixed time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Timeout of every condition that a test waits for.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Polls until the closure returns a value.
///
/// # Panics
///
/// Panics if it returns none within [`WAIT_TIMEOUT`]; `what` names the condition in the message.
pub async fn until_some<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        assert!(Instant::now() < deadline, "the condition was not met within {WAIT_TIMEOUT:?}: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Polls until the closure returns true.
///
/// # Panics
///
/// Panics if it does not within [`WAIT_TIMEOUT`]; `what` names the condition in the message.
pub async fn until(what: &str, mut poll: impl AsyncFnMut() -> bool) {
    until_some(what, async || poll().await.then_some(())).await;
}
