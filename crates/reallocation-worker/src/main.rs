//! Entry point of the binary; the command line is in [`reallocation_worker::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Allocates faster than the system allocator; see docs/decisions/0019-pipelined-transactions.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    reallocation_worker::cli::run().await
}
