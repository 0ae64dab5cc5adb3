#!/usr/bin/env bash
# make deny: checks the dependencies against deny.toml: licenses, sources, and duplicate crates without a stated reason. It needs
# no network, except that cargo-deny is built into .local/tools once if the machine lacks this version; that takes some minutes.
#   deny.sh                    what `make ci` checks
#   deny.sh check advisories   known vulnerabilities and yanked versions; downloads the current advisory database
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_cargo_tool cargo-deny 0.20.2
cd "$ROOT"
if [ $# -gt 0 ]; then exec "$TOOL" --locked "$@"; fi
# A crate that was never built here has not been downloaded, so its license could not be checked.
cargo fetch --quiet --locked --offline 2>/dev/null || cargo fetch --quiet --locked || fail "Cannot download the dependencies."
exec "$TOOL" --locked --offline check -D warnings licenses bans sources
