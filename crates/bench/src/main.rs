//! Entry point of the benchmark; see [`rowlock_bench`].

use std::process::ExitCode;

// A single thread, so that the load generator leaves the cores to the measured processes.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    rowlock_bench::start().await
}
