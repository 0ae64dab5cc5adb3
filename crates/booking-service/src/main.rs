//! The binary: see [`booking_service::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request allocates a hundred small things and frees them on another thread.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    booking_service::cli::run().await
}
