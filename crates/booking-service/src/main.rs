//! The binary: see [`booking_service::cli`].

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    booking_service::cli::run().await
}
