//! The binary: see [`auth_service::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request allocates a hundred small things and frees them on another thread.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    auth_service::cli::run().await
}
