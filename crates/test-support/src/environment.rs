//! Where the servers of the tests are, and tidying up when a test has panicked.

use std::future::Future;
use std::time::Duration;

/// Reads the address of a server.
pub(crate) fn env_url(name: &str) -> String {
    std::env::var(name).ok().filter(|url| !url.is_empty()).unwrap_or_else(|| {
        panic!("{name} is not set: run the tests with `make test`, or start the servers with `scripts/test-servers.sh start` first")
    })
}

/// Runs something to its end from a destructor, which cannot wait for anything itself.
pub(crate) fn in_a_thread(work: impl Future<Output = Result<(), String>> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), work).await.unwrap_or_else(|error| Err(error.to_string())) })
    });
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("a test left something behind: {error}"),
        Err(_) => eprintln!("a test left something behind: tidying up panicked"),
    }
}
