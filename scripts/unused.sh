#!/usr/bin/env bash
# make unused: finds dependencies that no crate uses. cargo-machete is built into .local/tools once if the machine lacks this
# version.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

need_cargo_tool cargo-machete 0.9.2
cd "$ROOT"
exec "$TOOL" crates
