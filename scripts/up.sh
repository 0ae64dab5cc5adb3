#!/usr/bin/env bash
# make up: sets up and runs the whole system of this checkout. It is safe to run at any time: it leaves healthy processes alone,
# restarts those that have exited or changed, and keeps all data.
#   ROWLOCK_PORT          port of the gateway (3000)
#   ROWLOCK_PORT_BASE     first port of the other parts (23100)
#   ROWLOCK_DATABASE_URL  a PostgreSQL server to use instead of a private one, as a user who may create roles and databases
#   ROWLOCK_AMQP_URL      a RabbitMQ server to use instead of a private one
#   ROWLOCK_TRUSTED_PROXIES  proxies in front of the gateway whose X-Forwarded-For is trusted (none); kept for the next make up
#   ROWLOCK_ALLOWED_ORIGINS  web sites whose pages may call the API from a browser (none)
#   ROWLOCK_BIN_DIR       a folder with built services, instead of building them
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" up
