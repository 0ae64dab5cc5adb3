//! The binary: see [`reallocation_worker::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request allocates a hundred small things and frees them on another thread.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    reallocation_worker::cli::run().await
}
