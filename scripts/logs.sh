#!/usr/bin/env bash
# make logs: follows the logs of all parts, or of one: make logs PART=booking-service
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" logs
