# shellcheck shell=bash
# A private PostgreSQL that listens on 127.0.0.1 only, without a Unix socket, and requires passwords. PostgreSQL refuses to run
# as root; for root it runs as `postgres`, with its data where that user has access even if the checkout is in root's home.

PG_DATA='' PG_USER='' PG_BIN=''

# pg_place NAME: chooses the data folder of the server NAME and the user who runs it.
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

# pg_init NAME PASSWORD_FILE AUTH [INITDB_OPTION…]: creates the data folder unless it exists. AUTH: scram-sha-256 or md5.
pg_init() {
  local name=$1 password_file=$2 auth=$3 new=$PG_DATA.new log
  shift 3
  [ ! -s "$PG_DATA/PG_VERSION" ] || return 0
  if is_root && ! id "$PG_USER" >/dev/null 2>&1; then
    useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$PG_USER"
  fi
  mkdir -p "$PARTS_DIR/log"
  log=$(log_file "$name")
  # The user who runs the server needs access to the parent folders; the data folder itself stays private.
  (umask 022 && mkdir -p -- "$(dirname -- "$PG_DATA")")
  # The data folder is created under a temporary name and renamed, so that an interrupted start leaves nothing half done.
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

# Memory and WAL settings for a sale; durability stays at its default. The pages that a night's bookings change should fit into
# shared_buffers; otherwise a booking has to evict a dirty page before it can load its own. After a checkpoint, the first change
# of each page writes the whole page to the WAL, so checkpoints should be minutes apart. Recycling a WAL file costs nothing, but
# creating a new one stalls commits for some 50 ms, so more files are kept than a quiet hour needs. docker-compose.yml has the
# same settings.
PG_SIZED=(shared_buffers=512MB max_wal_size=4GB min_wal_size=2GB)

# pg_launch NAME PORT [OPTION=VALUE…]: starts the server; pg_wait waits until it accepts connections.
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

# pg_wait NAME PORT PASSWORD_FILE: waits until the server accepts connections.
pg_wait() {
  wait_until 60 pg_answers_or_dead "$@" || fail_with_log "PostgreSQL does not answer after 60 seconds." "$(log_file "$1")"
  alive "$1" || fail_with_log "PostgreSQL could not be started." "$(log_file "$1")"
}
pg_answers_or_dead() {
  ! alive "$1" || PGPASSWORD=$(cat "$3") PGCONNECT_TIMEOUT=2 \
    psql -X -q -h 127.0.0.1 -p "$2" -U postgres -d postgres -c 'SELECT 1' >/dev/null 2>&1
}

# Fast shutdown: sessions are terminated and all data is written.
pg_stop() { stop_process "$1" INT 60; }

# pg_clear_after_kill: the child processes of a killed server need a moment to exit, and until then no new server may start on
# the same data. The stale lock file may name a pid that belongs to another process by now, or to none.
pg_clear_after_kill() {
  if wait_until 15 pg_unused; then rm -f -- "$PG_DATA/postmaster.pid"; fi
}
pg_unused() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/cwd" 2>/dev/null)" != "$PG_DATA" ] || return 1
  done
}
