#!/usr/bin/env bash
# make demo: shows the waiting list on a running system through the public API. Six people book one of three tickets at the same
# moment, one of them returns the ticket, and the first in line gets it. It fails if any result is wrong.
# It uses this checkout's system, or another one:
#   ROWLOCK_URL=http://… ROWLOCK_ADMIN_EMAIL=… ROWLOCK_ADMIN_PASSWORD=… make demo
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" demo
