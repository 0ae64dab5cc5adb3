# shellcheck shell=bash
# A complete private system for one test run: PostgreSQL, RabbitMQ, debug builds of the services, and the gateway. It is removed
# after the run. Source lib/test-servers.sh first, and set WORK (a temporary folder), ADMIN_EMAIL and PASSWORD (the
# administrator's login) before start_system, which sets API_URL to the gateway's URL and BIN_DIR to the folder of the programs.

# serve SERVICE SETTING…: starts a service with its usual settings and the given ones.
serve() {
  local name=$1
  shift
  service_settings "$name"
  launch "$name" env -i "${SETTINGS[@]}" "$@" "$BIN_DIR/$name" serve
}

start_system() {
  local service base name
  need_tools postgres rabbitmq nginx
  if [ -n "${ROWLOCK_BIN_DIR:-}" ]; then
    build_services
  else
    need_rust
    step "Building the services"
    (cd "$ROOT" && cargo build --locked --bins -p auth-service -p booking-service -p reallocation-worker) || fail "The build failed. The compiler's messages above say why."
    BIN_DIR=$(cd "$ROOT" && cargo metadata --format-version 1 --no-deps --locked | jq -r .target_directory)/debug
  fi
  [ -d "$STATE" ] || mkdir -m 700 "$STATE"
  clean_up_after_killed_runs
  use_test_servers "$(run_name $$)"
  SECRETS=$PARTS_DIR/secrets GATEWAY_DIR=$PARTS_DIR/gateway
  trap stop_system EXIT
  step "Starting PostgreSQL, RabbitMQ, the services and the gateway"
  test_servers_start
  while IFS= read -r line; do export "${line?}"; done < <(test_servers_env)
  PORT[POSTGRES]=$(cat "$PARTS_DIR/base")
  base=$(next_free_block $((20000 + RANDOM % 2500)) 6)
  PORT[AUTH]=$base PORT[AUTH_MANAGEMENT]=$((base + 1)) PORT[BOOKING]=$((base + 2)) PORT[BOOKING_MANAGEMENT]=$((base + 3))
  PORT[WORKER_MANAGEMENT]=$((base + 4)) PORT[GATEWAY]=$((base + 5))
  make_secrets
  ROWLOCK_DATABASE_URL=$ROWLOCK_TEST_DATABASE_URL "$ROOT/scripts/databases.sh" "$SECRETS" >"$(log_file databases)" 2>&1 ||
    fail_with_log "The databases and their roles could not be made." "$(log_file databases)"
  printf '%s' "$ROWLOCK_TEST_AMQP_URL" | write_private "$SECRETS/amqp-url"
  for service in auth booking; do
    name=rowlock_$service
    database_url "$name" "$name" | write_private "$SECRETS/$service-database-url"
    run_service_command "$service-service" "ROWLOCK__DATABASE__MIGRATION_URL=$(database_url "${name}_owner" "$name")" -- migrate
  done
  printf '%s' "$PASSWORD" | write_private "$SECRETS/admin-password"
  run_service_command auth-service -- create-admin --email "$ADMIN_EMAIL" --username root --name Root --password-file "$SECRETS/admin-password"
  # Neither the cost of a hash nor the rate limits are tested.
  serve auth-service ROWLOCK__PASSWORDS__BCRYPT_COST=4 ROWLOCK__LIMITS__WRONG_PASSWORD_WAIT_MS=0 ROWLOCK__LIMITS__LOG_IN_PER_ACCOUNT=0 \
    ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_EMAIL=0
  serve booking-service ROWLOCK__LIMITS__BOOK_PER_ACCOUNT=0
  serve reallocation-worker
  for service in "${SERVICES[@]}"; do wait_for_service "$service"; done
  gateway_render "$GATEWAY_DIR" "${PORT[GATEWAY]}" "127.0.0.1:${PORT[AUTH]}" "127.0.0.1:${PORT[BOOKING]}"
  gateway_check "$GATEWAY_DIR"
  gateway_launch "$GATEWAY_DIR"
  wait_until 30 gateway_answers_or_dead || fail_with_log "The gateway does not answer after 30 seconds." "$(log_file gateway)"
  API_URL=http://127.0.0.1:${PORT[GATEWAY]}
}

stop_system() {
  local service
  rm -rf -- "$WORK"
  stop_process gateway QUIT 10
  for service in "${SERVICES[@]}"; do stop_process "$service" TERM 20; done
  test_servers_stop
}
