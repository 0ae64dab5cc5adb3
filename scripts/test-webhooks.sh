#!/usr/bin/env bash
# make test-webhooks: the official library for Standard Webhooks (from PyPI, installed into .local/tools
# once) verifies a request of a real notifier. It needs the tests' servers; see test-servers.sh.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

need_python_tools standardwebhooks "$ROOT/scripts/requirements-webhooks.txt"
cd -- "$ROOT"
scripts/test-servers.sh start >/dev/null
eval "$(scripts/test-servers.sh env)"
ROWLOCK_WEBHOOKS_PYTHON=$PYTHON_BIN/python cargo test --quiet --locked -p notifier --test it official -- --ignored
