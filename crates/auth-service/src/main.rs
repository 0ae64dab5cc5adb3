//! The binary: see [`auth_service::cli`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    auth_service::cli::run().await
}
