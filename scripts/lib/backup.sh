# shellcheck shell=bash
# Shared by backup.sh and restore.sh: the server, its programs, and the content of a backup.

BACKUP_FORMAT=rowlock-backup/1
# Bookings are dumped first, so that every account with a booking in the backup is part of the later dump of accounts.
BACKUP_DATABASES=(rowlock_booking rowlock_auth)
# The URL of the server without a database name: the part before it and the part after it, see server_url.
SERVER='' SERVER_OPTIONS='' SERVER_MAJOR='' SERVER_VERSION=''

# use_server: finds the server that ROWLOCK_DATABASE_URL names, or that of this checkout's system. The password is passed in the
# environment, because every user of the machine can read the arguments of a process.
use_server() {
  local url user
  if ! external_database; then
    load_ports && alive postgres ||
      fail "The database of this checkout does not run. Start the system with 'make up', or name a server with ROWLOCK_DATABASE_URL."
  fi
  url=$(admin_database_url)
  [[ $url =~ ^([a-z]+://)([^/@]*@)?([^/?]+)(/[^?]*)?(\?.*)?$ ]] ||
    fail "ROWLOCK_DATABASE_URL must be an address such as postgres://admin@host/postgres."
  SERVER=${BASH_REMATCH[1]} user=${BASH_REMATCH[2]%@}
  if [[ $user == *:* ]]; then
    export PGPASSWORD
    local password=${user#*:}
    printf -v PGPASSWORD '%b' "${password//%/\\x}"
    user=${user%%:*}
  fi
  SERVER+=${user:+$user@}${BASH_REMATCH[3]}
  SERVER_OPTIONS=${BASH_REMATCH[5]}
  export PGCONNECT_TIMEOUT=10
  SERVER_VERSION=$(sql postgres "SELECT current_setting('server_version')") || fail "The database server cannot be reached; psql says above why."
  SERVER_VERSION=${SERVER_VERSION%% *}
  SERVER_MAJOR=${SERVER_VERSION%%.*}
}

# server_url DATABASE: prints its URL without a password.
server_url() { printf '%s/%s%s' "$SERVER" "$1" "$SERVER_OPTIONS"; }

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$(server_url "$1")" -c "$2"; }

# pg_program NAME: prints the path of the program of the server's version, which can read its own dumps, or else of the newest.
pg_program() {
  local program=/usr/lib/postgresql/$SERVER_MAJOR/bin/$1
  [ -x "$program" ] || program=$(printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1)
  [ -x "$program" ] || program=$(command -v "$1") || fail "$1 is missing. Install PostgreSQL's client programs and try again."
  printf '%s' "$program"
}

# is_own_server: succeeds if the server is that of this checkout's system.
is_own_server() {
  load_ports && [ -s "$SECRETS/auth-database-url" ] &&
    [ "$(database_url rowlock_auth rowlock_auth 2>/dev/null)" = "$(cat "$SECRETS/auth-database-url")" ]
}

# checksum FILE: prints the SHA-256 of its content.
checksum() { sha256sum <"$1" | cut -d ' ' -f 1; }
