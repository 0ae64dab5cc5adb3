//! Waiting for a condition with a deadline, instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// When there is none within [`PATIENCE`]; `what` says what was waited for.
pub async fn until_some<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Asks again and again until it is so.
///
/// # Panics
///
/// When it is not so within [`PATIENCE`]; `what` says what was waited for.
pub async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    until_some(what, async || ask().await.then_some(())).await;
}
