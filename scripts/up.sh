#!/usr/bin/env bash
# make up: sets up and runs the whole system of this checkout. It is safe to run at any time: it leaves healthy processes alone,
# restarts those that have exited or changed, and keeps all data.
#   ROWLOCK_PORT          port of the gateway (3000)
#   ROWLOCK_PORT_BASE     first port of the other parts (23100)
#   ROWLOCK_DATABASE_URL  a PostgreSQL server to use instead of a private one, as a user who may create roles and databases
#   ROWLOCK_AMQP_URL      a RabbitMQ server to use instead of a private one
#   ROWLOCK_TRUSTED_PROXIES  proxies in front of the gateway whose X-Forwarded-For is trusted (none); kept for the next make up
#   ROWLOCK_ALLOWED_ORIGINS  origins whose web pages may call the API from a browser (none)
#   ROWLOCK_BIN_DIR       a folder with built services, instead of building them
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

check_port() {
  local port=${ROWLOCK_PORT:-3000}
  load_ports || true
  port=${ROWLOCK_PORT:-${PORT[GATEWAY]:-3000}}
  [[ $port =~ ^[0-9]+$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || fail "ROWLOCK_PORT must be a number from 1 to 65535, and it is '$port'."
  if [ "$port" -lt 1024 ] && ! is_root; then fail "Ports below 1024 are for root. Choose another one, for example: ROWLOCK_PORT=3001 make up"; fi
  if alive gateway && [ "$port" = "${PORT[GATEWAY]:-}" ]; then return 0; fi
  end_orphans gateway
  port_closed "$port" || fail "Port $port is taken by another program. Stop that, or choose another port: ROWLOCK_PORT=$((port + 1)) make up"
}

# The kind of server is recorded at set-up, so that forgetting a variable does not silently start an empty system.
check_servers() {
  local note=$STATE/servers now
  now=$(servers_now)
  if [ -s "$note" ] && [ "$(cat "$note")" != "$now" ]; then
    fail "This system was set up with other servers ($(cat "$note"); now: $now). Give ROWLOCK_DATABASE_URL and ROWLOCK_AMQP_URL as before, or run 'make reset' first."
  fi
}
servers_now() {
  printf 'database=%s amqp=%s' "$(external_database && printf given || printf private)" "$(external_amqp && printf given || printf private)"
}

start_servers() {
  local wait_pg='' wait_rmq=''
  if ! external_database; then
    pg_place postgres
    if alive postgres; then
      step "PostgreSQL runs"
    else
      step "Starting PostgreSQL"
      pg_init postgres "$SECRETS/postgres" scram-sha-256
      pg_clear_after_kill
      pg_launch postgres "${PORT[POSTGRES]}" max_connections=300 "${PG_SIZED[@]}"
    fi
    wait_pg=yes
  fi
  if ! external_amqp; then
    if alive rabbitmq; then
      step "RabbitMQ runs"
    else
      step "Starting RabbitMQ"
      rmq_launch rabbitmq "$RABBIT_DIR" "$SECRETS/rabbitmq"
    fi
    wait_rmq=yes
  fi
  [ -z "$wait_pg" ] || pg_wait postgres "${PORT[POSTGRES]}" "$SECRETS/postgres"
  [ -z "$wait_rmq" ] || rmq_wait rabbitmq
}

write_note() {
  {
    say "What this checkout runs keeps its state here, but for this:"
    if external_database; then
      say "  PostgreSQL's data: on the server that ROWLOCK_DATABASE_URL named"
    else
      say "  PostgreSQL's data: $PG_DATA (its user is $PG_USER; 'make reset' deletes them)"
    fi
  } >"$STATE/where"
  printf '%s\n' "$(servers_now)" >"$STATE/servers"
}

prepare_databases() {
  step "Preparing the databases"
  if ! ROWLOCK_DATABASE_URL=$(admin_database_url) "$ROOT/scripts/databases.sh" "$SECRETS" >"$(log_file databases)" 2>&1; then
    fail_with_log "The databases and their roles could not be made." "$(log_file databases)"
  fi
  run_service_command auth-service "ROWLOCK__DATABASE__MIGRATION_URL_FILE=$SECRETS/auth-migration-url" -- migrate
  run_service_command booking-service "ROWLOCK__DATABASE__MIGRATION_URL_FILE=$SECRETS/booking-migration-url" -- migrate
}

# The login is stored before the account is created, so that an interrupted start leaves no account that nobody can use.
create_admin() {
  local email password
  [ ! -e "$STATE/admin-created" ] || return 0
  if [ ! -s "$STATE/admin-login.json" ]; then
    jq -n --arg email "${ROWLOCK_ADMIN_EMAIL:-admin@rowlock.example}" --arg password "${ROWLOCK_ADMIN_PASSWORD:-$(random_secret | cut -c1-20)}" \
      '{email: $email, password: $password}' | write_private "$STATE/admin-login.json"
  fi
  email=$(jq -r .email "$STATE/admin-login.json")
  password=$(jq -r .password "$STATE/admin-login.json")
  step "Creating the first administrator"
  printf '%s' "$password" | write_private "$SECRETS/admin-password"
  run_service_command auth-service -- create-admin --email "$email" --username admin --name Administrator --password-file "$SECRETS/admin-password"
  rm -f -- "$SECRETS/admin-password"
  : >"$STATE/admin-created"
}

create_sample_events() {
  [ ! -e "$STATE/sample-events-created" ] || return 0
  step "Creating sample events"
  ROWLOCK_URL=http://127.0.0.1:${PORT[GATEWAY]} "$ROOT/scripts/sample-events.sh" >/dev/null || exit 1
  : >"$STATE/sample-events-created"
}

summary() {
  cat <<TEXT

Rowlock is open at $(gateway_url)

  Administrator   $(jq -r .email "$STATE/admin-login.json")
  Password        $(jq -r .password "$STATE/admin-login.json")     (also in .local/admin-login.json)

What to try next:
  curl -s $(gateway_url)/api/events | jq .     the events on sale
  make demo                                      six people, three tickets
  make status                                    what runs, and where
  make logs                                      what it is doing
  make down                                      stop it; the data stay
TEXT
}

# The proxies are stored, so that a restart without the variable does not make all clients share one address. An empty value
# clears them.
keep_trusted_proxies() {
  local note=$STATE/trusted-proxies checked
  if [ -z "${ROWLOCK_TRUSTED_PROXIES+given}" ] && [ -s "$note" ]; then ROWLOCK_TRUSTED_PROXIES=$(cat "$note"); fi
  checked=$(rowlock_networks "${ROWLOCK_TRUSTED_PROXIES:-}" 2>&1) || fail "$checked"
  mkdir -p "$STATE"
  printf '%s' "${ROWLOCK_TRUSTED_PROXIES:-}" >"$note"
}

take_lock
trap 'printf "\nrowlock: make up stopped at line %s of scripts/up.sh.\n" "$LINENO" >&2' ERR
say "Rowlock: setting up in $ROOT"
check_port
check_servers
keep_trusted_proxies
servers=(nginx)
external_database || servers+=(postgres)
external_amqp || servers+=(rabbitmq)
need_tools "${servers[@]}"
build_services
choose_ports
make_secrets
mkdir -p "$STATE/log"
start_servers
write_urls
prepare_databases
write_note
for service in "${SERVICES[@]}"; do start_service "$service"; done
for service in "${SERVICES[@]}"; do wait_for_service "$service"; done
create_admin
start_gateway
create_sample_events
summary
