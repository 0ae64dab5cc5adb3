//! The `rowlockctl` binary; see [`rowlockctl`].

use std::process::ExitCode;

fn main() -> ExitCode {
    rowlockctl::run()
}
