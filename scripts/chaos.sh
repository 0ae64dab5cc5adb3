#!/usr/bin/env bash
# make chaos: runs the release binaries as real processes behind the gateway, injects the faults of a production environment, and
# then checks that every promise was kept. It starts PostgreSQL (with default durability), RabbitMQ and the gateway for this run
# only, and removes them and their data afterwards, even if the run fails.
#   MINUTES=10   how long faults are injected (default: 2)
#   SEED=7       repeats the schedule of an earlier run
#   CONTROL=1    control run without faults, with services built without the row lock; succeeds if the overselling is detected
#   ROWLOCK_BIN_DIR=FOLDER  tests the services in that folder instead of this checkout's
# The report is target/chaos/report.json, all logs are in target/chaos/log.
# During the run, the tool calls 'chaos.sh server postgres|rabbitmq start' after killing a server; it prints the new pid.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
unset ROWLOCK_DATABASE_URL ROWLOCK_AMQP_URL

PARTS_DIR=$STATE/chaos
SECRETS=$PARTS_DIR/secrets
RABBIT_DIR=$PARTS_DIR/rabbitmq
GATEWAY_DIR=$PARTS_DIR/gateway

chaos_stop() {
  local data
  [ -d "$PARTS_DIR" ] || return 0
  data=$(cat "$PARTS_DIR/postgres-data" 2>/dev/null || true)
  stop_process gateway QUIT 10
  if chaos_ports; then rmq_stop rabbitmq; fi
  # The data is thrown away, so the server need not flush it first.
  stop_process postgres QUIT 20
  case $data in
    "$PARTS_DIR"/* | /var/lib/rowlock/"$CHECKOUT_ID"/chaos/*) rm -rf -- "${data:?}" ;;
  esac
  rm -rf -- "${PARTS_DIR:?}"
  rmdir -- "/var/lib/rowlock/$CHECKOUT_ID/chaos" "/var/lib/rowlock/$CHECKOUT_ID" 2>/dev/null || true
}

# chaos_ports: loads the ports of this run; fails if they have not been chosen yet.
chaos_ports() {
  local base
  [ -s "$PARTS_DIR/base" ] || return 1
  base=$(cat "$PARTS_DIR/base")
  PORT[POSTGRES]=$base PORT[AMQP]=$((base + 1)) PORT[GATEWAY]=$((base + 9)) FIRST_PORT=$((base + 10))
  rmq_settings "$RABBIT_DIR" $((base + 1)) $((base + 2)) $((base + 3)) $((base + 4))
}

postgres_launch() { pg_launch postgres "${PORT[POSTGRES]}" max_connections=200; }

# The servers' logs are kept with the report.
keep_logs() {
  mkdir -p "$OUT/log"
  cp -- "$PARTS_DIR"/log/*.log "$OUT/log/" 2>/dev/null || true
}

chaos_start() {
  local service name
  mkdir -p "$PARTS_DIR/log"
  printf '%s\n' "$(next_free_block $((20000 + RANDOM % 2500)) 20)" >"$PARTS_DIR/base"
  chaos_ports
  make_secrets
  amqp_url | write_private "$SECRETS/amqp-url"
  pg_place postgres
  pg_init postgres "$SECRETS/postgres" scram-sha-256
  postgres_launch
  rmq_launch rabbitmq "$RABBIT_DIR" "$SECRETS/rabbitmq"
  pg_wait postgres "${PORT[POSTGRES]}" "$SECRETS/postgres"
  ROWLOCK_DATABASE_URL=$(admin_database_url) "$ROOT/scripts/databases.sh" "$SECRETS"
  for service in auth booking; do
    name=rowlock_$service
    ROWLOCK__DATABASE__URL=$(database_url "$name" "$name") ROWLOCK__DATABASE__MIGRATION_URL=$(database_url "${name}_owner" "$name") \
      "$BIN_DIR/$service-service" migrate >>"$(log_file migrate)" 2>&1 || fail_with_log "'$service-service migrate' failed." "$(log_file migrate)"
  done
  # The services get their ports in this order: auth-service, two booking-services, two workers. The management port of each
  # follows its public port.
  gateway_render "$GATEWAY_DIR" "${PORT[GATEWAY]}" "127.0.0.1:$FIRST_PORT" "127.0.0.1:$((FIRST_PORT + 2))" "127.0.0.1:$((FIRST_PORT + 4))"
  gateway_check "$GATEWAY_DIR"
  gateway_launch "$GATEWAY_DIR"
  rmq_wait rabbitmq
}

# server_start NAME: restarts a server that was killed, waits until it accepts connections, and prints its pid.
server_start() {
  chaos_ports || fail "No run of 'make chaos' is at work in this checkout."
  ! alive "$1" || fail "$1 is running."
  case $1 in
    postgres)
      pg_place postgres
      pg_clear_after_kill
      postgres_launch
      pg_wait postgres "${PORT[POSTGRES]}" "$SECRETS/postgres"
      ;;
    rabbitmq)
      rmq_launch rabbitmq "$RABBIT_DIR" "$SECRETS/rabbitmq"
      rmq_wait rabbitmq
      ;;
    *) fail "There is no server «$1»." ;;
  esac
  pid_of "$1"
}

if [ "${1:-}" = server ] && [ "${3:-}" = start ]; then
  server_start "$2"
  exit
fi

need_tools postgres rabbitmq nginx
need_rust
[ -d "$STATE" ] || mkdir -m 700 "$STATE"
exec 8>"$STATE/chaos.lock"
flock -n 8 || fail "Another 'make chaos' is at work in this checkout. Wait until it has ended."
cd "$ROOT"
TARGET=$(cargo metadata --format-version 1 --no-deps --locked 8>&- | jq -r .target_directory)
OUT=$TARGET/chaos
options=()
[ -z "${SEED:-}" ] || options+=(--seed "$SEED")
[ -z "${MINUTES:-}" ] || options+=(--minutes "$MINUTES")
what=(--bins)
BIN_DIR=$TARGET/release
case ${CONTROL:-} in
  '' | 0) ;;
  *)
    options+=(--control)
    what=(-p rowlock-chaos)
    OUT=$TARGET/chaos-control/report
    BIN_DIR=$TARGET/chaos-control/release
    step "Building the services without the row lock"
    cargo build --release --locked --target-dir "$TARGET/chaos-control" -p auth-service -p booking-service -p reallocation-worker \
      --features booking-service/without-row-lock,reallocation-worker/without-row-lock 8>&- || fail "The build failed. The compiler's messages above say why."
    ;;
esac
if [ -n "${ROWLOCK_BIN_DIR:-}" ]; then
  BIN_DIR=$(cd -- "$ROWLOCK_BIN_DIR" && pwd -P) || fail "ROWLOCK_BIN_DIR names no folder."
  what=(-p rowlock-chaos)
fi
step "Building"
cargo build --release --locked "${what[@]}" 8>&- || fail "The build failed. The compiler's messages above say why."
commit=$(git rev-parse HEAD 2>/dev/null || printf 'unknown')
[ -z "$(git status --porcelain 2>/dev/null)" ] || commit+=' with changes'

# Removes what a killed run left behind.
chaos_stop
rm -rf -- "${OUT:?}"
trap 'keep_logs; chaos_stop' EXIT
trap 'exit 130' INT TERM HUP
step "Starting PostgreSQL, RabbitMQ and the gateway"
chaos_start 8>&-
"$TARGET/release/rowlock-chaos" "${options[@]}" --bin-dir "$BIN_DIR" --server-command "$ROOT/scripts/chaos.sh" \
  --pg-port "${PORT[POSTGRES]}" --pg-pid "$(pid_of postgres)" --broker-pid "$(pid_of rabbitmq)" --gateway-port "${PORT[GATEWAY]}" \
  --first-port "$FIRST_PORT" --secrets "$SECRETS" --out "$OUT" --commit "$commit" 8>&-
