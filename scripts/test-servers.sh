#!/usr/bin/env bash
# A PostgreSQL and a RabbitMQ for tests: private, on free ports, and without durability, because their data is thrown away.
# Developers can keep them running between test runs; `make test` uses them if they run, and starts its own otherwise.
#   test-servers.sh start    start them and print how to use them
#   test-servers.sh stop     stop them and delete their data
#   test-servers.sh env      print the variables for a shell: eval "$(scripts/test-servers.sh env)"
#   test-servers.sh status   print whether they run
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/lib/test-servers.sh
. "$ROOT/scripts/lib/test-servers.sh"
use_test_servers kept

case ${1:-} in
  start)
    need_tools postgres rabbitmq nginx
    test_servers_run || test_servers_start
    say "The tests' servers run. For 'cargo test' in this shell: eval \"\$(scripts/test-servers.sh env)\""
    ;;
  stop)
    test_servers_stop
    say "The tests' servers are stopped."
    ;;
  env)
    test_servers_run || fail "The tests' servers do not run. Start them with 'scripts/test-servers.sh start'."
    test_servers_env | sed 's/^/export /'
    ;;
  status)
    if test_servers_run; then say "The tests' servers run."; else say "The tests' servers do not run."; fi
    ;;
  *) fail "Say what to do: scripts/test-servers.sh start, stop, env or status." ;;
esac
