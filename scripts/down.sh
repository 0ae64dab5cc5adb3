#!/usr/bin/env bash
# make down: stops what make up has started in this checkout, and nothing else. Data is kept.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if [ ! -d "$STATE" ]; then
  say "Nothing was started here."
  exit 0
fi
take_lock
stop_system
say "Rowlock is stopped. 'make up' starts it again with the same data."
