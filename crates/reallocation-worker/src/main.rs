//! Entry point of the binary; the command line is in [`reallocation_worker::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// The allocator is mimalloc, for the reasons given in docs/decisions/0021-mimalloc.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    reallocation_worker::cli::run().await
}
