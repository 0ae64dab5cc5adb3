# shellcheck shell=bash
# The parts of this checkout's running system: their ports, secrets and settings, and how each is started.

PARTS_DIR=$STATE
SECRETS=$STATE/secrets
RABBIT_DIR=$STATE/rabbitmq
GATEWAY_DIR=$STATE/gateway
SERVICES=(auth-service booking-service reallocation-worker)
PARTS=(postgres rabbitmq "${SERVICES[@]}" gateway)
PORT_NAMES=(POSTGRES AMQP AMQP_DIST EPMD AMQP_TOOLS AUTH BOOKING AUTH_MANAGEMENT BOOKING_MANAGEMENT WORKER_MANAGEMENT)
declare -A PORT=()

external_database() { [ -n "${ROWLOCK_DATABASE_URL:-}" ]; }
external_amqp() { [ -n "${ROWLOCK_AMQP_URL:-}" ]; }

# --- ports ---------------------------------------------------------------------------------------------------------

# load_ports: reads the ports that an earlier start has chosen; fails if there was none.
load_ports() {
  local name port
  [ -s "$STATE/ports.env" ] || return 1
  while IFS='=' read -r name port; do
    [[ $port =~ ^[0-9]+$ ]] && PORT[$name]=$port
  done <"$STATE/ports.env"
  rmq_settings "$RABBIT_DIR" "${PORT[AMQP]}" "${PORT[AMQP_DIST]}" "${PORT[EPMD]}" "${PORT[AMQP_TOOLS]}"
}

# port_is_ours NAME: succeeds if the part that owns the port is running, so that the open port is its own.
port_is_ours() {
  case $1 in
    POSTGRES) alive postgres ;;
    AMQP | AMQP_DIST) alive rabbitmq ;;
    AUTH | AUTH_MANAGEMENT) alive auth-service ;;
    BOOKING | BOOKING_MANAGEMENT) alive booking-service ;;
    WORKER_MANAGEMENT) alive reallocation-worker ;;
    # epmd outlives its node.
    EPMD) alive rabbitmq || { have epmd && ERL_EPMD_ADDRESS=127.0.0.1 epmd -port "${PORT[EPMD]}" -names >/dev/null 2>&1; } ;;
    AMQP_TOOLS) true ;;
  esac
}

# choose_ports: keeps every port chosen before, unless another program has taken it meanwhile.
choose_ports() {
  local name next=${ROWLOCK_PORT_BASE:-23100} remembered=''
  load_ports || true
  for name in "${PORT_NAMES[@]}"; do
    if [ -n "${PORT[$name]:-}" ] && { port_closed "${PORT[$name]}" || port_is_ours "$name"; }; then
      remembered+=" ${PORT[$name]} "
      [ "$name" != AMQP_TOOLS ] || remembered+=" $(seq -s ' ' "${PORT[$name]}" $((PORT[AMQP_TOOLS] + 4))) "
    else
      PORT[$name]=''
    fi
  done
  for name in "${PORT_NAMES[@]}"; do
    [ -z "${PORT[$name]}" ] || continue
    next=$(next_free_port "$next")
    while [[ $remembered == *" $next "* ]]; do next=$(next_free_port $((next + 1))); done
    PORT[$name]=$next
    next=$((next + 1))
    # RabbitMQ's tools use one of five consecutive ports.
    [ "$name" != AMQP_TOOLS ] || next=$((next + 4))
  done
  PORT[GATEWAY]=${ROWLOCK_PORT:-${PORT[GATEWAY]:-3000}}
  for name in GATEWAY "${PORT_NAMES[@]}"; do printf '%s=%s\n' "$name" "${PORT[$name]}"; done | write_private "$STATE/ports.env"
  load_ports
}

gateway_url() { printf 'http://localhost:%s' "${PORT[GATEWAY]}"; }

# --- secrets and settings ------------------------------------------------------------------------------------------

make_secrets() {
  local name
  for name in postgres rabbitmq rowlock_auth_owner rowlock_auth rowlock_booking_owner rowlock_booking encryption-key bootstrap-token; do
    secret_file "$SECRETS/$name"
  done
}

# database_url ROLE DATABASE: prints the URL of a database on the private server or on ROWLOCK_DATABASE_URL's.
database_url() {
  local where=127.0.0.1:${PORT[POSTGRES]} options=''
  if external_database; then
    local rest=${ROWLOCK_DATABASE_URL#*://}
    [[ $rest != *\?* ]] || options="?${rest#*\?}"
    rest=${rest%%\?*}
    rest=${rest##*@}
    where=${rest%%/*}
  fi
  printf 'postgres://%s:%s@%s/%s%s' "$1" "$(cat "$SECRETS/$1")" "$where" "$2" "$options"
}

admin_database_url() {
  if external_database; then
    printf '%s' "$ROWLOCK_DATABASE_URL"
  else
    printf 'postgres://postgres:%s@127.0.0.1:%s/postgres' "$(cat "$SECRETS/postgres")" "${PORT[POSTGRES]}"
  fi
}

amqp_url() {
  if external_amqp; then
    printf '%s' "$ROWLOCK_AMQP_URL"
  else
    printf 'amqp://rowlock:%s@127.0.0.1:%s/%%2f' "$(cat "$SECRETS/rabbitmq")" "${PORT[AMQP]}"
  fi
}

# write_urls: writes the URLs with their passwords to files for the services, and to databases.json for people.
write_urls() {
  database_url rowlock_auth rowlock_auth | write_private "$SECRETS/auth-database-url"
  database_url rowlock_auth_owner rowlock_auth | write_private "$SECRETS/auth-migration-url"
  database_url rowlock_booking rowlock_booking | write_private "$SECRETS/booking-database-url"
  database_url rowlock_booking_owner rowlock_booking | write_private "$SECRETS/booking-migration-url"
  amqp_url | write_private "$SECRETS/amqp-url"
  jq -n --rawfile auth "$SECRETS/auth-database-url" --rawfile booking "$SECRETS/booking-database-url" \
    '{rowlock_auth: $auth, rowlock_booking: $booking}' | write_private "$STATE/databases.json"
}

# service_settings NAME: sets SETTINGS to the complete environment of a service; it inherits nothing else.
service_settings() {
  SETTINGS=("PATH=$PATH" "HOME=$HOME" "ROWLOCK__LOG__LEVEL=${ROWLOCK__LOG__LEVEL:-info}" "ROWLOCK__LOG__FORMAT=${ROWLOCK__LOG__FORMAT:-auto}")
  case $1 in
    auth-service)
      SETTINGS+=(
        "ROWLOCK__HTTP__LISTEN=127.0.0.1:${PORT[AUTH]}"
        "ROWLOCK__HTTP__ALLOWED_ORIGINS=${ROWLOCK_ALLOWED_ORIGINS:-}"
        "ROWLOCK__MANAGEMENT__LISTEN=127.0.0.1:${PORT[AUTH_MANAGEMENT]}"
        "ROWLOCK__DATABASE__URL_FILE=$SECRETS/auth-database-url"
        "ROWLOCK__KEYS__ENCRYPTION_KEY_FILE=$SECRETS/encryption-key"
        "ROWLOCK__BOOTSTRAP__TOKEN_FILE=$SECRETS/bootstrap-token"
        "ROWLOCK__AMQP__URL_FILE=$SECRETS/amqp-url"
        "ROWLOCK__BOOKING__URL=http://127.0.0.1:${PORT[BOOKING]}"
        # All simulated people share one address, that of this machine, so the limits have to be high.
        ROWLOCK__LIMITS__LOG_IN_PER_ADDRESS=6000 ROWLOCK__LIMITS__LOG_IN_PER_ACCOUNT=600
        ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_ADDRESS=6000 ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_EMAIL=600
      )
      ;;
    booking-service)
      SETTINGS+=(
        "ROWLOCK__HTTP__LISTEN=127.0.0.1:${PORT[BOOKING]}"
        "ROWLOCK__HTTP__ALLOWED_ORIGINS=${ROWLOCK_ALLOWED_ORIGINS:-}"
        "ROWLOCK__MANAGEMENT__LISTEN=127.0.0.1:${PORT[BOOKING_MANAGEMENT]}"
        "ROWLOCK__DATABASE__URL_FILE=$SECRETS/booking-database-url"
        "ROWLOCK__AMQP__URL_FILE=$SECRETS/amqp-url"
        "ROWLOCK__TOKENS__JWKS_URL=http://127.0.0.1:${PORT[AUTH]}/.well-known/jwks.json"
        "ROWLOCK__TOKENS__REVOCATIONS_URL=http://127.0.0.1:${PORT[AUTH]}/internal/revocations"
        ROWLOCK__LIMITS__BOOK_PER_ACCOUNT=6000
      )
      ;;
    reallocation-worker)
      SETTINGS+=(
        "ROWLOCK__MANAGEMENT__LISTEN=127.0.0.1:${PORT[WORKER_MANAGEMENT]}"
        "ROWLOCK__DATABASE__URL_FILE=$SECRETS/booking-database-url"
        "ROWLOCK__AMQP__URL_FILE=$SECRETS/amqp-url"
      )
      ;;
  esac
}

management_port() {
  case $1 in
    auth-service) printf '%s' "${PORT[AUTH_MANAGEMENT]}" ;;
    booking-service) printf '%s' "${PORT[BOOKING_MANAGEMENT]}" ;;
    reallocation-worker) printf '%s' "${PORT[WORKER_MANAGEMENT]}" ;;
  esac
}

# --- starting and stopping -----------------------------------------------------------------------------------------

# fingerprint FILE… -- WORD…: prints a hash of the content of the files and of the words.
fingerprint() {
  local files=()
  while [ "$1" != -- ]; do
    files+=("$1")
    shift
  done
  shift
  { sha256sum -- "${files[@]}" && printf '%s\0' "$@"; } | sha256sum | cut -c1-32
}

# build_services: sets BIN_DIR to the folder of the services, which are built unless ROWLOCK_BIN_DIR names one.
build_services() {
  if [ -n "${ROWLOCK_BIN_DIR:-}" ]; then
    BIN_DIR=$(cd -- "$ROWLOCK_BIN_DIR" && pwd -P) || fail "ROWLOCK_BIN_DIR names no folder."
  else
    need_rust
    step "Building the services (the first time takes some minutes)"
    (cd "$ROOT" && cargo build --release --locked --bins -p auth-service -p booking-service -p reallocation-worker 9>&-) || fail "The build failed. The compiler's messages above say why."
    BIN_DIR=$(cd "$ROOT" && cargo metadata --format-version 1 --no-deps --locked | jq -r .target_directory)/release
  fi
  local service
  for service in "${SERVICES[@]}"; do
    [ -x "$BIN_DIR/$service" ] || fail "There is no program $service in $BIN_DIR."
  done
}

# start_service NAME: starts a service, or restarts it if its program or settings have changed. Prints what it does.
start_service() {
  local name=$1 stamp setting files=()
  service_settings "$name"
  for setting in "${SETTINGS[@]}"; do
    [[ $setting != ROWLOCK__*_FILE=* ]] || files+=("${setting#*=}")
  done
  stamp=$(fingerprint "$BIN_DIR/$name" "${files[@]}" -- "${SETTINGS[@]}")
  ! same_stamp "$name" "$stamp" || return 0
  if alive "$name"; then
    step "Restarting $name, which has changed"
    stop_process "$name" TERM 40
  else
    step "Starting $name"
  fi
  launch "$name" env -i "${SETTINGS[@]}" "$BIN_DIR/$name" serve
  set_stamp "$name" "$stamp"
}

# run_service_command NAME SETTING… -- ARGUMENT…: runs another subcommand with the service's settings and the given ones.
run_service_command() {
  local name=$1 more=()
  shift
  while [ "$1" != -- ]; do
    more+=("$1")
    shift
  done
  shift
  service_settings "$name"
  env -i "${SETTINGS[@]}" "${more[@]}" "$BIN_DIR/$name" "$@" >>"$(log_file "$name")" 2>&1 ||
    fail_with_log "'$name $1' failed." "$(log_file "$name")"
}

is_ready() { curl -fsS --noproxy '*' -o /dev/null --max-time 3 "http://127.0.0.1:$(management_port "$1")/health/ready" 2>/dev/null; }
ready_or_dead() { ! alive "$1" || is_ready "$1"; }

# wait_for_service NAME: waits until it is ready; on failure prints which check fails.
wait_for_service() {
  local name=$1 answer
  if ! wait_until 60 ready_or_dead "$name"; then
    answer=$(curl -sS --noproxy '*' --max-time 3 "http://127.0.0.1:$(management_port "$name")/health/ready" 2>/dev/null) || answer='no answer'
    fail_with_log "$name is not ready after 60 seconds. It says: $answer" "$(log_file "$name")"
  fi
  alive "$name" || fail_with_log "$name has ended by itself." "$(log_file "$name")"
}

# start_gateway: like start_service, for nginx.
start_gateway() {
  local stamp
  gateway_render "$GATEWAY_DIR" "${PORT[GATEWAY]}" "127.0.0.1:${PORT[AUTH]}" "127.0.0.1:${PORT[BOOKING]}"
  stamp=$(fingerprint "$(command -v nginx)" "$GATEWAY_DIR/nginx.conf" "$GATEWAY_DIR/conf.d/rowlock.conf" -- "")
  if ! same_stamp gateway "$stamp"; then
    gateway_check "$GATEWAY_DIR"
    if alive gateway; then
      step "Restarting the gateway, which has changed"
      stop_process gateway QUIT 10
    else
      step "Starting the gateway"
    fi
    gateway_launch "$GATEWAY_DIR"
    set_stamp gateway "$stamp"
  fi
  wait_until 30 gateway_answers_or_dead || fail_with_log "The gateway does not answer after 30 seconds." "$(log_file gateway)"
  alive gateway || fail_with_log "The gateway has ended by itself." "$(log_file gateway)"
}
gateway_answers_or_dead() {
  ! alive gateway || curl -fsS --noproxy '*' -o /dev/null --max-time 3 "http://127.0.0.1:${PORT[GATEWAY]}/api/events?limit=1" 2>/dev/null
}

# stop_system: stops all parts, starting with the gateway, so that requests in flight can finish. Ignores parts that do not run.
stop_system() {
  local part
  for part in gateway "${SERVICES[@]}" rabbitmq postgres; do
    ! alive "$part" || step "Stopping $part"
  done
  stop_process gateway QUIT 10
  # All services get the signal at once, so that they drain concurrently.
  local pid
  for part in "${SERVICES[@]}"; do
    ! pid=$(pid_of "$part") || kill -s TERM "$pid" 2>/dev/null || true
  done
  for part in "${SERVICES[@]}"; do stop_process "$part" TERM 40; done
  if load_ports && { [ -e "$(pid_file rabbitmq)" ] || [ -d "$RABBIT_DIR" ]; }; then rmq_stop rabbitmq; fi
  pg_stop postgres
}
