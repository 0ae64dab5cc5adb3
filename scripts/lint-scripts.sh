#!/usr/bin/env bash
# Checks the shell scripts with shellcheck, which is installed from PyPI into .local/tools once.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

need_python_tools lint "$ROOT/scripts/requirements-lint.txt"
cd "$ROOT"
# The libraries are connected only through lib.sh, so shellcheck considers variables set in one file as unused there (SC2034) or
# as unset elsewhere (SC2153). `a && b || c` is used only where b cannot fail or has the same effect as c (SC2015).
"$PYTHON_BIN/shellcheck" -x -P . -e SC2034,SC2153,SC2015 scripts/*.sh scripts/lib/*.sh deploy/*/*.sh
