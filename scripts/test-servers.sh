#!/usr/bin/env bash
# A PostgreSQL and a RabbitMQ for tests: private, on free ports, and without durability, because their data is thrown away.
# Developers can keep them running between test runs; `make test` uses them if they run, and starts its own otherwise.
#   test-servers.sh start    start them and print how to use them
#   test-servers.sh stop     stop them and delete their data
#   test-servers.sh env      print the variables for a shell: eval "$(scripts/test-servers.sh env)"
#   test-servers.sh status   print whether they run
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" test-servers "${1:-status}"
