#!/usr/bin/env bash
# make test: all tests, with a PostgreSQL and a RabbitMQ that are started for this run and gone after it, whatever happens.
# It may run beside `make up` and beside another `make test`. Arguments go to cargo: scripts/test.sh -p rowlock-domain
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
# Without arguments that is every crate; with --workspace, -p would not narrow it.
results=$(mktemp)
status=0
cargo test --locked "$@" 2>&1 | tee "$results" || status=$?
# cargo ends with the last crate's count; people want the sum.
awk '/^test result:/ { passed += $4; failed += $6 } END { printf "\n%d passed, %d failed\n", passed, failed }' "$results"
rm -f "$results"
# Without arguments the scripts that keep data safe are tested as well, with the services that cargo has just built.
if [ "$status" = 0 ] && [ $# = 0 ]; then scripts/test-backup.sh || status=$?; fi
# The servers' own folders are gone in a moment, and what failed may be told there.
if [ "$status" != 0 ]; then
  rm -rf target/test-logs
  mkdir -p target/test-logs
  cp -- "$PARTS_DIR"/log/* target/test-logs/
  say "What PostgreSQL and RabbitMQ wrote is kept in target/test-logs."
fi
exit "$status"
