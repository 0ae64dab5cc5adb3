//! The binary: see [`reallocation_worker::cli`].

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    reallocation_worker::cli::run().await
}
