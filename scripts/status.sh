#!/usr/bin/env bash
# make status: prints which parts of this checkout's system run, with pid and port, and which are not ready and why.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" status
