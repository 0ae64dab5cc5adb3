#!/usr/bin/env bash
# make test: runs all tests, with a PostgreSQL and a RabbitMQ that are started for this run and removed afterwards. It can run at
# the same time as `make up` or another `make test`. Arguments are passed to cargo: scripts/test.sh -p rowlock-domain
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/lib/test-servers.sh
. "$ROOT/scripts/lib/test-servers.sh"

need_tools postgres rabbitmq nginx
need_rust
[ -d "$STATE" ] || mkdir -m 700 "$STATE"
use_test_servers kept
if test_servers_run; then
  say "Using the servers that 'scripts/test-servers.sh start' keeps up."
else
  clean_up_after_killed_runs
  use_test_servers "$(run_name $$)"
  trap test_servers_stop EXIT
  trap 'exit 130' INT TERM HUP
  say "Starting PostgreSQL and RabbitMQ for the tests"
  test_servers_start
fi
while IFS= read -r line; do export "${line?}"; done < <(test_servers_env)

cd "$ROOT"
# Without arguments, cargo tests every crate anyway; `--workspace` would make it ignore -p.
results=$(mktemp)
status=0
cargo test --locked "$@" 2>&1 | tee "$results" || status=$?
# cargo prints the totals per crate only, so the sum is printed here.
awk '/^test result:/ { passed += $4; failed += $6 } END { printf "\n%d passed, %d failed\n", passed, failed }' "$results"
rm -f "$results"
# Without arguments, the backup scripts are tested as well, with the services that cargo has just built.
if [ "$status" = 0 ] && [ $# = 0 ]; then scripts/test-backup.sh || status=$?; fi
# The servers' folders are about to be deleted, and their logs may explain a failure.
if [ "$status" != 0 ]; then
  rm -rf target/test-logs
  mkdir -p target/test-logs
  cp -- "$PARTS_DIR"/log/* target/test-logs/
  say "What PostgreSQL and RabbitMQ wrote is kept in target/test-logs."
fi
exit "$status"
