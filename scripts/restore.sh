#!/usr/bin/env bash
# make restore: restores both databases from a folder that backup.sh has created, and checks them with 'booking-service audit'.
#   restore.sh FOLDER
#   ROWLOCK_DATABASE_URL    the server to restore to, instead of this checkout's, as a user who may create roles and databases
#   ROWLOCK_ROLE_PASSWORDS  a folder with the passwords of the four roles (see databases.sh); not needed for this checkout's
#                           system. Without it, the roles must exist, and they keep their passwords
#   OVERWRITE=yes           deletes databases that already have tables
#   ROWLOCK_BIN_DIR         a folder with a built booking-service, instead of building it
# For this checkout's system, it stops the services first, and also restores the encryption key and the administrator's login.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/lib/backup.sh
. "$ROOT/scripts/lib/backup.sh"

# check_backup: verifies that the backup is complete and undamaged, before anything is changed.
check_backup() {
  local name sum
  [ -r "$folder/manifest.json" ] || fail "$folder is no backup: it has no manifest.json that can be read."
  [ "$(jq -r .format "$folder/manifest.json" 2>/dev/null)" = "$BACKUP_FORMAT" ] || fail "$folder/manifest.json is not of the format $BACKUP_FORMAT."
  for name in "${BACKUP_DATABASES[@]}"; do
    jq -e --arg name "$name.dump" '.sha256 | has($name)' "$folder/manifest.json" >/dev/null || fail "The manifest of $folder names no $name.dump."
  done
  while IFS=$'\t' read -r name sum; do
    [ -r "$folder/$name" ] || fail "$folder is not whole: $name is missing."
    [ "$(checksum "$folder/$name")" = "$sum" ] || fail "$folder is damaged: $name is not what the manifest says. Nothing was changed."
  done < <(jq -r '.sha256 | to_entries[] | "\(.key)\t\(.value)"' "$folder/manifest.json")
}

# tables DATABASE: prints its number of tables; 0 if the database does not exist.
tables() {
  [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname = '$1'")" = 1 ] || { printf 0; return; }
  sql "$1" "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)"
}

# find_full: sets FULL to the databases that have tables; fails unless they may be deleted.
find_full() {
  local database count
  FULL=()
  for database in "${BACKUP_DATABASES[@]}"; do
    count=$(tables "$database") || fail "The database $database cannot be looked into; psql says above why."
    [ "$count" = 0 ] || FULL+=("$database")
  done
  [ ${#FULL[@]} -eq 0 ] || [ "${OVERWRITE:-}" = yes ] ||
    fail "Nothing was changed: there are tables in ${FULL[*]}. To delete them and what they hold, say it is meant: OVERWRITE=yes"
}

# make_room: creates empty databases with their roles and privileges.
make_room() {
  local database passwords=()
  for database in "${FULL[@]}"; do
    step "Deleting $database"
    sql postgres "DROP DATABASE $database" || fail "$database could not be deleted; psql says above why. If it is in use, stop the services first."
  done
  [ -z "$role_passwords" ] || passwords=("$role_passwords")
  ROWLOCK_DATABASE_URL=$(admin_database_url) "$ROOT/scripts/databases.sh" "${passwords[@]}" ||
    fail "The databases could not be made. ROWLOCK_ROLE_PASSWORDS names a folder with the passwords of roles that are not there yet."
}

# fill DATABASE: restores it completely or not at all.
fill() {
  step "Restoring $1"
  "$pg_restore" --exit-on-error --single-transaction -d "$(server_url "$1")" "$folder/$1.dump" ||
    fail "The database $1 could not be restored; pg_restore says above why. It is empty."
  # A dump contains no planner statistics, and without them the first queries would get bad plans.
  sql "$1" ANALYZE
}

# audit: verifies the invariants of the restored bookings.
audit() {
  local url
  url=$(admin_database_url)
  [[ $url =~ ^([a-z]+://[^/?]+)(/[^?]*)?(\?.*)?$ ]]
  step "Checking rowlock_booking with 'booking-service audit'"
  env -i "PATH=$PATH" "HOME=$HOME" "ROWLOCK__DATABASE__URL=${BASH_REMATCH[1]}/rowlock_booking${BASH_REMATCH[3]}" "$BIN_DIR/booking-service" audit ||
    fail "Both databases are restored, and the audit found something wrong or could not be made; it says above what. Do not let the services run on them before that is cleared up."
}

[ $# = 1 ] && [ -n "$1" ] || fail "Say which backup: make restore BACKUP=FOLDER, or scripts/restore.sh FOLDER"
folder=$(cd -- "$1" 2>/dev/null && pwd -P) || fail "There is no folder $1."
need_tools ''
check_backup
use_server
pg_restore=$(pg_program pg_restore)
own='' role_passwords=${ROWLOCK_ROLE_PASSWORDS:-}
if is_own_server; then
  take_lock
  own=yes role_passwords=$SECRETS
fi
find_full
build_services
say "Restoring the backup of $(jq -r .time "$folder/manifest.json") into PostgreSQL $SERVER_VERSION"
if [ -n "$own" ]; then
  step "Stopping the services"
  for part in gateway "${SERVICES[@]}"; do stop_process "$part" TERM 40; done
fi
make_room
for database in "${BACKUP_DATABASES[@]}"; do fill "$database"; done
if [ -n "$own" ]; then
  [ ! -e "$folder/encryption-key" ] || write_private "$SECRETS/encryption-key" <"$folder/encryption-key"
  [ ! -e "$folder/admin-login.json" ] || write_private "$STATE/admin-login.json" <"$folder/admin-login.json"
fi
audit
say "Both databases are restored, and all is as it must be."
if [ ! -e "$folder/encryption-key" ]; then
  say "The backup holds no encryption key: auth-service can read its signing keys with the keys.encryption_key of that time alone."
elif [ -z "$own" ]; then
  say "auth-service needs the content of $folder/encryption-key as its keys.encryption_key."
fi
[ -z "$own" ] || say "'make up' starts the services on them."
