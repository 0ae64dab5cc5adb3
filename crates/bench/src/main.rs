//! The binary: see [`rowlock_bench`].

use std::process::ExitCode;

// One thread: the generator must leave the cores to what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    rowlock_bench::start().await
}
