#!/usr/bin/env bash
# Runs a task of crates/xtask, which cargo builds first if it has changed: scripts/xtask.sh up
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

need_rust
# The working directory stays the caller's, because some tasks take the name of a folder.
exec cargo run --quiet --locked --manifest-path "$ROOT/Cargo.toml" -p xtask -- "$@"
