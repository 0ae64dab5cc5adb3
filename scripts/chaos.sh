#!/usr/bin/env bash
# make chaos: runs the release binaries as real processes behind the gateway, injects the faults of a production environment, and
# then checks that every guarantee holds. It starts PostgreSQL (with default durability), RabbitMQ and the gateway for this run
# only, and removes them and their data afterwards, even if the run fails.
#   MINUTES=10   how long faults are injected (default: 2)
#   SEED=7       repeats the schedule of an earlier run
#   BUILD=debug  runs the build of the tests instead of the release build, which takes long to compile
#   CONTROL=1    control run without faults, with services built without the row lock; succeeds if the audit
#                detects that the row lock is missing
#   ROWLOCK_BIN_DIR=FOLDER  tests the services in that folder instead of this checkout's
# The report is target/chaos/report.json, all logs are in target/chaos/log.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" chaos
