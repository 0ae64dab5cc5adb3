//! The `auth-service` binary; see [`auth_service::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// The allocator is mimalloc, for the reasons given in docs/decisions/0021-mimalloc.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    auth_service::cli::run().await
}
