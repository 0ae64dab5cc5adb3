#!/usr/bin/env bash
# Creates the sample events (deploy/sample) through the public API, as the administrator, unless there are other events already.
# It uses this checkout's system, or another one:
#   ROWLOCK_URL=http://… ROWLOCK_ADMIN_EMAIL=… ROWLOCK_ADMIN_PASSWORD=… scripts/sample-events.sh
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" sample-events
