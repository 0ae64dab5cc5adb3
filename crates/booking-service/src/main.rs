//! The `booking-service` binary; see [`booking_service::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// mimalloc is used for the reasons given in docs/decisions/0019-the-next-transaction-behind-the-commit.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    booking_service::cli::run().await
}
