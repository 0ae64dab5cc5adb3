#!/usr/bin/env bash
# make deny: whether the dependencies keep to deny.toml: licences, sources, no crate twice without a reason. It needs no
# network, but for once: cargo-deny is built into .local/tools when the machine has not got this version of it, which
# takes some minutes.
#   deny.sh                    what `make ci` checks
#   deny.sh check advisories   known holes and versions that were withdrawn; reads the lists of the day from the network
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
# A crate that was never built here has not been fetched yet, and then its licence cannot be looked at.
cargo fetch --quiet --locked --offline 2>/dev/null || cargo fetch --quiet --locked || fail "The dependencies could not be fetched."
exec "$tool" --locked --offline check -D warnings licenses bans sources
