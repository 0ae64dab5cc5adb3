//! Entry point of the chaos test; see [`rowlock_chaos`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    rowlock_chaos::start().await
}
