# shellcheck shell=bash
# Servers for tests. Each set of servers has a name and a separate folder, so that test runs affect neither each other nor the
# system that `make up` runs. Stopping a set deletes all of its files.

# use_test_servers NAME: selects the set for the functions below.
use_test_servers() { PARTS_DIR=$STATE/test/$1; }

# The set of a run is named after its process, so that a later run can tell whether it is still in use.
run_name() {
  local birth
  birth=$(process_birth "$1") && printf 'run-%s-%s' "$1" "${birth%% *}"
}

# Removes what killed runs left behind.
clean_up_after_killed_runs() {
  local dir pid
  for dir in "$STATE"/test/run-*; do
    [ -d "$dir" ] || continue
    pid=${dir##*/run-}
    [ "$(run_name "${pid%-*}")" != "${dir##*/}" ] || continue
    use_test_servers "${dir##*/}"
    test_servers_stop
  done
}

test_servers_run() { alive postgres && alive rabbitmq && [ -s "$PARTS_DIR/env" ]; }

# test_servers_start: starts the set, and retries with other ports if another program takes one of them at the same time.
test_servers_start() {
  local try output
  for try in 1 2 3 4 5; do
    test_servers_stop
    if output=$( (test_servers_try) 2>&1); then return 0; fi
  done
  printf '%s\n' "$output" >&2
  test_servers_stop
  fail "The tests' servers could not be started (tried $try times)."
}

test_servers_try() {
  local base password=$PARTS_DIR/password
  mkdir -p "$PARTS_DIR/log"
  chmod 700 "$STATE"
  base=$(next_free_block $((26000 + RANDOM % 6000)) 10)
  printf '%s\n' "$base" >"$PARTS_DIR/base"
  secret_file "$password"
  pg_place postgres
  # With scram, each of the thousands of connections that tests open would take milliseconds, so md5 is used.
  pg_init postgres "$password" md5 --no-sync
  pg_launch postgres "$base" password_encryption=md5 max_connections=500 fsync=off synchronous_commit=off full_page_writes=off \
    shared_buffers=128MB wal_level=minimal max_wal_senders=0
  test_rabbit_settings
  rmq_launch rabbitmq "$PARTS_DIR/rabbitmq" "$password"
  pg_wait postgres "$base" "$password"
  rmq_wait rabbitmq
  {
    printf 'ROWLOCK_TEST_DATABASE_URL=postgres://postgres:%s@127.0.0.1:%s/postgres\n' "$(cat "$password")" "$base"
    printf 'ROWLOCK_TEST_AMQP_URL=amqp://rowlock:%s@127.0.0.1:%s/%%2f\n' "$(cat "$password")" "$((base + 1))"
    printf 'ROWLOCK_TEST_NGINX=%s\n' "$(command -v nginx)"
  } | write_private "$PARTS_DIR/env"
}

test_rabbit_settings() {
  local base
  base=$(cat "$PARTS_DIR/base")
  rmq_settings "$PARTS_DIR/rabbitmq" $((base + 1)) $((base + 2)) $((base + 3)) $((base + 4))
}

test_servers_env() { cat "$PARTS_DIR/env"; }

# test_servers_stop: stops the servers of the set and deletes all of its files.
test_servers_stop() {
  local data part
  data=$(cat "$PARTS_DIR/postgres-data" 2>/dev/null || true)
  if [ -s "$PARTS_DIR/base" ]; then
    test_rabbit_settings
    rmq_stop rabbitmq
  fi
  # The data is thrown away, so the server need not flush it first.
  for part in "$PARTS_DIR"/pid/*; do [ ! -e "$part" ] || stop_process "${part##*/}" QUIT 20; done
  if is_root; then data=/var/lib/rowlock/$CHECKOUT_ID/test/$(basename -- "$PARTS_DIR"); fi
  case $data in
    "$STATE"/test/* | /var/lib/rowlock/"$CHECKOUT_ID"/test/*) rm -rf -- "${data:?}" ;;
  esac
  rm -rf -- "${PARTS_DIR:?}"
  rmdir -- "/var/lib/rowlock/$CHECKOUT_ID/test" "/var/lib/rowlock/$CHECKOUT_ID" 2>/dev/null || true
}
