# shellcheck shell=bash
# A private PostgreSQL: on 127.0.0.1 alone, no Unix socket, passwords required. PostgreSQL refuses to run as root, so
# for root it runs as `postgres`, with its data where that user can get to even if the checkout lies in root's home.

PG_DATA='' PG_USER='' PG_BIN=''

# pg_place NAME: decides where the data of the server NAME lie and who runs it.
pg_place() {
  local name=$1 note=$PARTS_DIR/$1-data
  if [ -s "$note" ]; then
    PG_DATA=$(cat "$note")
  elif is_root; then
    PG_DATA=/var/lib/rowlock/$CHECKOUT_ID/${PARTS_DIR#"$STATE"}/$name
    PG_DATA=$(realpath -m -- "$PG_DATA")
  else
    PG_DATA=$PARTS_DIR/$name
  fi
  PG_USER=$(id -un)
  if is_root; then
    PG_USER=postgres
    [ ! -d "$PG_DATA" ] || PG_USER=$(stat -c %U -- "$PG_DATA")
  fi
  local major=''
  [ ! -s "$PG_DATA/PG_VERSION" ] || major=$(cat "$PG_DATA/PG_VERSION")
  PG_BIN=$(postgres_bindir "$major") ||
    fail "The data in $PG_DATA are of PostgreSQL $major, which is not installed any more. Install it again, or run 'make reset'."
}

as_pg() {
  if is_root && [ "$PG_USER" != root ]; then
    setpriv --reuid="$PG_USER" --regid="$(id -gn "$PG_USER")" --init-groups -- env HOME=/ "$@"
  else
    "$@"
  fi
}

# pg_init NAME PASSWORD_FILE AUTH [INITDB_OPTION…]: makes the data folder unless it is there. AUTH: scram-sha-256 or md5.
pg_init() {
  local name=$1 password_file=$2 auth=$3 new=$PG_DATA.new log
  shift 3
  [ ! -s "$PG_DATA/PG_VERSION" ] || return 0
  if is_root && ! id "$PG_USER" >/dev/null 2>&1; then
    useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$PG_USER"
  fi
  mkdir -p "$PARTS_DIR/log"
  log=$(log_file "$name")
  # The way to the data must be open to the user who runs the server; the data folder itself is not.
  (umask 022 && mkdir -p -- "$(dirname -- "$PG_DATA")")
  # Made aside and moved into place, so that an interrupted start leaves nothing half-made.
  rm -rf -- "${new:?}"
  install -d -m 700 -- "$new"
  install -m 600 -- "$password_file" "$new.password"
  ! is_root || chown -- "$PG_USER" "$new" "$new.password"
  (cd / && as_pg "$PG_BIN/initdb" -D "$new" --username=postgres --pwfile="$new.password" --auth="$auth" --encoding=UTF8 \
    --locale=C.UTF-8 "$@") >>"$log" 2>&1 || fail_with_log "PostgreSQL's data folder could not be made." "$log"
  rm -f -- "$new.password"
  mv -- "$new" "$PG_DATA"
  sync -f "$PG_DATA"
  printf '%s\n' "$PG_DATA" | write_private "$PARTS_DIR/$name-data"
}

# What a sale asks of memory and disk; durability stays at its default. The pages that a night's bookings change should fit into
# shared_buffers: where they do not, a booking has to write out a changed page before it can have its own. And after a checkpoint
# each page goes into the log as a whole once more, so checkpoints should not come by the minute. A file of the log that is used
# again costs nothing, a new one some 50 ms in which nobody can commit; so more of them are kept than a quiet hour needs.
# docker-compose.yml says the same.
PG_SIZED=(shared_buffers=512MB max_wal_size=4GB min_wal_size=2GB)

# pg_launch NAME PORT [OPTION=VALUE…]: starts it; pg_wait waits until it answers.
pg_launch() {
  local name=$1 port=$2 settings=() setting
  shift 2
  for setting in "port=$port" listen_addresses=127.0.0.1 unix_socket_directories= lc_messages=C logging_collector=off "$@"; do
    settings+=(-c "$setting")
  done
  if is_root && [ "$PG_USER" != root ]; then
    launch "$name" setpriv --reuid="$PG_USER" --regid="$(id -gn "$PG_USER")" --init-groups -- \
      env -C "$PG_DATA" HOME=/ "$PG_BIN/postgres" -D "$PG_DATA" "${settings[@]}"
  else
    launch "$name" env -C "$PG_DATA" "$PG_BIN/postgres" -D "$PG_DATA" "${settings[@]}"
  fi
}

# pg_wait NAME PORT PASSWORD_FILE: until it answers.
pg_wait() {
  wait_until 60 pg_answers_or_dead "$@" || fail_with_log "PostgreSQL does not answer after 60 seconds." "$(log_file "$1")"
  alive "$1" || fail_with_log "PostgreSQL could not be started." "$(log_file "$1")"
}
pg_answers_or_dead() {
  ! alive "$1" || PGPASSWORD=$(cat "$3") PGCONNECT_TIMEOUT=2 \
    psql -X -q -h 127.0.0.1 -p "$2" -U postgres -d postgres -c 'SELECT 1' >/dev/null 2>&1
}

# Fast shutdown: sessions are ended, everything is written.
pg_stop() { stop_process "$1" INT 60; }

# pg_clear_after_kill: a server that was killed leaves processes which need a moment to notice, and until then a new one
# must not start on the same data. Its own lock file may name a pid that now belongs to somebody else, or to nobody yet.
pg_clear_after_kill() {
  if wait_until 15 pg_unused; then rm -f -- "$PG_DATA/postmaster.pid"; fi
}
pg_unused() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/cwd" 2>/dev/null)" != "$PG_DATA" ] || return 1
  done
}
