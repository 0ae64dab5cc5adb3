#!/usr/bin/env bash
# Checks the shell scripts with shellcheck, if it is installed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
if ! command -v shellcheck >/dev/null; then
  echo "shellcheck is not installed; the scripts were not checked."
  exit 0
fi
# The libraries are connected only through lib.sh, so shellcheck considers variables set in one file as unused there (SC2034) or
# as unset elsewhere (SC2153). `a && b || c` is used only where b cannot fail or has the same effect as c (SC2015).
shellcheck -x -P . -e SC2034,SC2153,SC2015 scripts/*.sh scripts/lib/*.sh deploy/*/*.sh
