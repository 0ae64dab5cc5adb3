#!/usr/bin/env bash
# Tests backup.sh and restore.sh with two temporary PostgreSQL clusters: a backup of one is restored to the other, the services
# run on it, and forbidden operations are refused. `make test` runs this after cargo's tests.
#   ROWLOCK_BIN_DIR  the services to test with; by default those that cargo test has built
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" test-backup
