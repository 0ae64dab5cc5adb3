//! The binary: see [`reallocation_worker::cli`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    reallocation_worker::cli::run().await
}
