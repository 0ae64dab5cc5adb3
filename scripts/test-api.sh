#!/usr/bin/env bash
# make test-api: schemathesis generates requests from the served API description and sends them through the gateway: its
# examples, values at and just beyond its limits, and malformed input. It fails if a response is a 5xx or is not described. It
# starts a private system for this run and removes it afterwards; or name another one, in which it creates accounts, events and
# bookings:
#   ROWLOCK_URL=http://… ROWLOCK_ADMIN_EMAIL=… ROWLOCK_ADMIN_PASSWORD=… make test-api
#   ROWLOCK_BIN_DIR  the services to test, instead of a debug build
# Every run sends the same requests. Those that failed are in target/test-api, with the commands that repeat them.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" test-api
