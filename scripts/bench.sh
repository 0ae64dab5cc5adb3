#!/usr/bin/env bash
# make bench: measures Rowlock against what its database can do by itself. It starts a PostgreSQL with default durability, a
# RabbitMQ and a gateway for this run only, and removes them and their data afterwards, even if the run fails.
#   QUICK=1      a short run of less than two minutes
#   ONLY=hot     only the groups whose name contains this text
#   PG_SETTINGS='NAME=VALUE …'  further PostgreSQL settings, to find out where time is spent; published figures are without them
#   BASELINE=FOLDER  compares with booking-service and reallocation-worker of another release in that folder, in turn, and prints ratios
#   ROWLOCK_BIN_DIR=FOLDER  measures the services in that folder instead of this checkout's
# The report and the chart are in target/bench.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" bench
