#!/usr/bin/env bash
# make bench: measures Rowlock against what its database can do by itself. It starts a PostgreSQL with default durability, a
# RabbitMQ and a gateway for this run only, and removes them and their data afterwards, even if the run fails.
#   QUICK=1      a short run of less than two minutes
#   ONLY=hot     only the groups whose name contains this text
#   PG_SETTINGS='NAME=VALUE …'  further PostgreSQL settings, to find out where time is spent; published figures are without them
#   ROWLOCK_BIN_DIR=FOLDER  measures the services in that folder instead of this checkout's
# The report and the chart are in target/bench.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
unset ROWLOCK_DATABASE_URL ROWLOCK_AMQP_URL

PARTS_DIR=$STATE/bench
SECRETS=$PARTS_DIR/secrets
RABBIT_DIR=$PARTS_DIR/rabbitmq
GATEWAY_DIR=$PARTS_DIR/gateway

bench_stop() {
  local data
  [ -d "$PARTS_DIR" ] || return 0
  data=$(cat "$PARTS_DIR/postgres-data" 2>/dev/null || true)
  stop_process gateway QUIT 10
  if bench_ports; then rmq_stop rabbitmq; fi
  # The data is thrown away, so the server need not flush it first.
  stop_process postgres QUIT 20
  case $data in
    "$PARTS_DIR"/* | /var/lib/rowlock/"$CHECKOUT_ID"/bench/*) rm -rf -- "${data:?}" ;;
  esac
  rm -rf -- "${PARTS_DIR:?}"
  rmdir -- "/var/lib/rowlock/$CHECKOUT_ID/bench" "/var/lib/rowlock/$CHECKOUT_ID" 2>/dev/null || true
}

# bench_ports: loads the ports of this run; fails if they have not been chosen yet.
bench_ports() {
  local base
  [ -s "$PARTS_DIR/base" ] || return 1
  base=$(cat "$PARTS_DIR/base")
  PORT[POSTGRES]=$base PORT[AMQP]=$((base + 1)) PORT[GATEWAY]=$((base + 9)) FIRST_PORT=$((base + 10))
  rmq_settings "$RABBIT_DIR" $((base + 1)) $((base + 2)) $((base + 3)) $((base + 4))
}

# The servers' logs are kept with the report.
keep_logs() {
  mkdir -p "$TARGET/bench/log"
  cp -- "$PARTS_DIR"/log/*.log "$TARGET/bench/log/" 2>/dev/null || true
}

bench_start() {
  local service name settings
  mkdir -p "$PARTS_DIR/log"
  printf '%s\n' "$(next_free_block $((20000 + RANDOM % 2500)) 26)" >"$PARTS_DIR/base"
  bench_ports
  make_secrets
  amqp_url | write_private "$SECRETS/amqp-url"
  pg_place postgres
  pg_init postgres "$SECRETS/postgres" scram-sha-256
  read -ra settings <<<"${PG_SETTINGS:-}"
  pg_launch postgres "${PORT[POSTGRES]}" max_connections=200 "${PG_SIZED[@]}" "${settings[@]}"
  rmq_launch rabbitmq "$RABBIT_DIR" "$SECRETS/rabbitmq"
  pg_wait postgres "${PORT[POSTGRES]}" "$SECRETS/postgres"
  # A server that has been in use recycles its WAL files. A new server has to create each when it is needed, which stalls commits
  # for 50 ms. So they are created before anything is measured, for pgbench as well.
  PGPASSWORD=$(cat "$SECRETS/postgres") psql -X -q -h 127.0.0.1 -p "${PORT[POSTGRES]}" -U postgres -d postgres -o /dev/null \
    -c "SELECT pg_logical_emit_message(false, 'rowlock', ''), pg_switch_wal() FROM generate_series(1, 128)" -c CHECKPOINT \
    || fail "PostgreSQL's log files could not be made."
  ROWLOCK_DATABASE_URL=$(admin_database_url) "$ROOT/scripts/databases.sh" "$SECRETS"
  for service in auth booking; do
    name=rowlock_$service
    ROWLOCK__DATABASE__URL=$(database_url "$name" "$name") ROWLOCK__DATABASE__MIGRATION_URL=$(database_url "${name}_owner" "$name") \
      "$BIN_DIR/$service-service" migrate >>"$(log_file migrate)" 2>&1 || fail_with_log "'$service-service migrate' failed." "$(log_file migrate)"
  done
  # A second copy of the schema, for pgbench only.
  PGPASSWORD=$(cat "$SECRETS/postgres") psql -X -q -h 127.0.0.1 -p "${PORT[POSTGRES]}" -U postgres -d postgres \
    -c 'CREATE DATABASE rowlock_engine TEMPLATE rowlock_booking' || fail "The database for pgbench could not be made."
  gateway_render "$GATEWAY_DIR" "${PORT[GATEWAY]}" "127.0.0.1:$((FIRST_PORT + 2))" "127.0.0.1:$FIRST_PORT"
  gateway_check "$GATEWAY_DIR"
  gateway_launch "$GATEWAY_DIR"
  rmq_wait rabbitmq
}

need_tools postgres rabbitmq nginx
need_rust
[ -d "$STATE" ] || mkdir -m 700 "$STATE"
exec 8>"$STATE/bench.lock"
flock -n 8 || fail "Another 'make bench' is at work in this checkout. Wait until it has ended."
cd "$ROOT"
TARGET=$(cargo metadata --format-version 1 --no-deps --locked 8>&- | jq -r .target_directory)
if [ -n "${ROWLOCK_BIN_DIR:-}" ]; then
  BIN_DIR=$(cd -- "$ROWLOCK_BIN_DIR" && pwd -P) || fail "ROWLOCK_BIN_DIR names no folder."
  what=(-p rowlock-bench)
else
  BIN_DIR=$TARGET/release
  what=(--bins)
fi
step "Building"
cargo build --release --locked "${what[@]}" 8>&- || fail "The build failed. The compiler's messages above say why."
commit=$(git rev-parse HEAD 2>/dev/null || printf 'unknown')
[ -z "$(git status --porcelain 2>/dev/null)" ] || commit+=' with changes'

# Removes what a killed run left behind.
bench_stop
# A full run logs a gigabyte (one line per booking), so only the logs of the latest run are kept.
rm -rf -- "${TARGET:?}/bench/log"
trap 'keep_logs; bench_stop' EXIT
trap 'exit 130' INT TERM HUP
step "Starting PostgreSQL, RabbitMQ and the gateway"
bench_start 8>&-
options=(--bin-dir "$BIN_DIR" --pg-bin "$PG_BIN" --pg-port "${PORT[POSTGRES]}" --pg-pid "$(pid_of postgres)" --broker-pid "$(pid_of rabbitmq)"
  --gateway-pid "$(pid_of gateway)" --gateway-port "${PORT[GATEWAY]}" --first-port "$FIRST_PORT" --secrets "$SECRETS" --out "$TARGET/bench" --commit "$commit")
case ${QUICK:-} in '' | 0) ;; *) options+=(--quick) ;; esac
[ -z "${ONLY:-}" ] || options+=(--only "$ONLY")
"$TARGET/release/rowlock-bench" run "${options[@]}" 8>&-
say "The report is in $TARGET/bench/report.json, the picture in $TARGET/bench/clients.svg."
