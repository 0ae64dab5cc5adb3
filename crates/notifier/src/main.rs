//! Entry point of the binary; the command line is in [`notifier::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Allocates faster than the system allocator; see docs/decisions/0019-pipelined-transactions.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    notifier::cli::run().await
}
