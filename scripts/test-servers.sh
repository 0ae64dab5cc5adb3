#!/usr/bin/env bash
# A PostgreSQL and a RabbitMQ for the tests: private, on free ports, with throw-away data and without the care for them
# that costs time. A developer can keep them up between runs; `make test` uses them then, and its own otherwise.
#   test-servers.sh start    start them and say where they are
#   test-servers.sh stop     stop them and delete their data
#   test-servers.sh env      print the variables for a shell: eval "$(scripts/test-servers.sh env)"
#   test-servers.sh status   say whether they run
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
