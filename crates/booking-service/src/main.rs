//! The `booking-service` binary; see [`booking_service::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// The allocator is mimalloc, for the reasons given in docs/decisions/0021-mimalloc.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    booking_service::cli::run().await
}
