//! The `web` binary; see [`web::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// The allocator is mimalloc, for the reasons given in docs/decisions/0021-mimalloc.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    web::cli::run().await
}
