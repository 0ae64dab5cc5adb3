#!/usr/bin/env bash
# make logs: follows the logs of all parts, or of one: make logs PART=booking-service
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if [ -n "${PART:-}" ]; then
  files=("$(log_file "$PART")")
  [ -e "${files[0]}" ] || fail "There is no log of '$PART'. The parts are: ${PARTS[*]}."
else
  shopt -s nullglob
  files=("$STATE"/log/*.log)
  [ ${#files[@]} -gt 0 ] || fail "There are no logs yet. 'make up' starts the system."
fi
exec tail -n "${LINES_BEFORE:-20}" -F -- "${files[@]}"
