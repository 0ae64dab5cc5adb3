#!/usr/bin/env bash
# Checks the shell scripts with shellcheck, where it is installed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
if ! command -v shellcheck >/dev/null; then
  echo "shellcheck is not installed; the scripts were not checked."
  exit 0
fi
# The libraries see each other only by way of lib.sh, which is why a name that one file sets looks unused in it (SC2034)
# or unset (SC2153). `a && b || c` is used where b cannot fail or means the same (SC2015).
shellcheck -x -P . -e SC2034,SC2153,SC2015 scripts/*.sh scripts/lib/*.sh deploy/*/*.sh
