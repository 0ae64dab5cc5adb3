#!/usr/bin/env bash
# make deny: checks the dependencies against deny.toml: licences, sources, and duplicate crates without a stated reason. It needs
# no network, except that cargo-deny is built into .local/tools once if the machine lacks this version; that takes some minutes.
#   deny.sh                    what `make ci` checks
#   deny.sh check advisories   known vulnerabilities and yanked versions; downloads the current advisory database
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

VERSION=0.20.2
TOOLS=$STATE/tools

is_right() { [ "$("$1" --version 2>/dev/null)" = "cargo-deny $VERSION" ]; }

need_rust
tool=$TOOLS/bin/cargo-deny
if ! is_right "$tool"; then
  if is_right cargo-deny; then
    tool=cargo-deny
  else
    step "Building cargo-deny $VERSION (once; this takes some minutes)"
    [ -d "$STATE" ] || mkdir -m 700 "$STATE"
    cargo install --quiet --locked --root "$TOOLS" --version "=$VERSION" cargo-deny ||
      fail "cargo-deny could not be built. The messages above say why; it needs the network this once."
  fi
fi
cd "$ROOT"
if [ $# -gt 0 ]; then exec "$tool" --locked "$@"; fi
# A crate that was never built here has not been downloaded, so its licence could not be checked.
cargo fetch --quiet --locked --offline 2>/dev/null || cargo fetch --quiet --locked || fail "The dependencies could not be fetched."
exec "$tool" --locked --offline check -D warnings licenses bans sources
