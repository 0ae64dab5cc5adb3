//! Reads the addresses of the test servers, and runs asynchronous cleanup from destructors.

use std::future::Future;
use std::time::Duration;

/// Reads the address of a test server from an environment variable.
pub(crate) fn env_url(name: &str) -> String {
    std::env::var(name).ok().filter(|url| !url.is_empty()).unwrap_or_else(|| {
        panic!("{name} is not set: run the tests with `make test`, or start the servers with `scripts/test-servers.sh start` first")
    })
}

/// Runs a future to completion on a new thread, for destructors, which cannot await. Prints an error or a timeout of 20
/// seconds to standard error.
pub(crate) fn block_on_thread(future: impl Future<Output = Result<(), String>> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await.unwrap_or_else(|error| Err(error.to_string())) })
    });
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("the cleanup of a test failed: {error}"),
        Err(_) => eprintln!("the cleanup of a test panicked"),
    }
}
