#!/usr/bin/env bash
# make reset: stops this checkout's system and deletes its data, secrets and logs, after confirmation (RESET=yes: without).
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" reset
