#!/usr/bin/env bash
# make test: runs all tests, with a PostgreSQL and a RabbitMQ that are started for this run and removed afterwards. It can run at
# the same time as `make up` or another `make test`. Arguments are passed to cargo: scripts/test.sh -p rowlock-domain
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" test -- "$@"
