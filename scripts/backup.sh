#!/usr/bin/env bash
# make backup: writes both databases and the secrets needed to read them to one folder, while the system keeps running.
#   backup.sh [FOLDER]           a folder that does not exist yet; by default one named after the time, in backups/
#   ROWLOCK_DATABASE_URL         the server to back up, instead of this checkout's, as a user who may read both databases
#   ROWLOCK_ENCRYPTION_KEY_FILE  a file with auth-service's keys.encryption_key; not needed for this checkout's system
# Only its owner can read the folder, because its content suffices to sign tokens and to read all names and addresses.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/lib/backup.sh
. "$ROOT/scripts/lib/backup.sh"

started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
folder=${1:-$ROOT/backups/${started//:/-}}
[ ! -e "$folder" ] || fail "$folder is there already. Name a folder that is not."
new=$folder.new

# dump DATABASE: dumps it into the folder, and records its latest migration as of the snapshot of the dump.
dump() {
  local database=$1 file=$new/$1.dump version
  step "Dumping $database"
  "$pg_dump" --format=custom --file="$file" -d "$(server_url "$database")" || fail "The database $database could not be dumped; pg_dump says above why."
  version=$("$pg_restore" --data-only --table=__diesel_schema_migrations --file=- "$file" | sed -n -E 's/^([0-9]{14})\t.*/\1/p' | sort | tail -n 1) || true
  [ -n "$version" ] || fail "The database $database has no schema of Rowlock: nothing was kept."
  schemas=$(jq -c --arg database "$database" --arg version "$version" '. + {($database): $version}' <<<"$schemas")
}

# keep FILE NAME: copies a secret into the folder.
keep() { (umask 077 && cat -- "$1" >"$new/$2"); }

need_tools ''
use_server
pg_dump=$(pg_program pg_dump)
pg_restore=$(pg_program pg_restore)
mkdir -p -- "$(dirname -- "$folder")"
rm -rf -- "${new:?}"
trap 'rm -rf -- "${new:?}"' EXIT
trap 'exit 130' INT TERM HUP
umask 077
mkdir -- "$new"
say "Backing up to $folder"
schemas={}
for database in "${BACKUP_DATABASES[@]}"; do dump "$database"; done
if [ -n "${ROWLOCK_ENCRYPTION_KEY_FILE:-}" ]; then
  [ -r "$ROWLOCK_ENCRYPTION_KEY_FILE" ] || fail "ROWLOCK_ENCRYPTION_KEY_FILE names $ROWLOCK_ENCRYPTION_KEY_FILE, which cannot be read."
  keep "$ROWLOCK_ENCRYPTION_KEY_FILE" encryption-key
elif is_own_server; then
  keep "$SECRETS/encryption-key" encryption-key
  [ ! -s "$STATE/admin-login.json" ] || keep "$STATE/admin-login.json" admin-login.json
fi
sums={}
for file in "$new"/*; do
  sums=$(jq -c --arg name "${file##*/}" --arg sum "$(checksum "$file")" '. + {($name): $sum}' <<<"$sums")
done
jq -n --arg format "$BACKUP_FORMAT" --arg time "$started" --arg postgresql "$SERVER_VERSION" --argjson schemas "$schemas" --argjson sums "$sums" \
  '{format: $format, time: $time, postgresql: $postgresql, schemas: $schemas, sha256: $sums}' >"$new/manifest.json"
sync -f "$new"
mv -T -- "$new" "$folder"
say "The backup of $started is in $folder ($(du -sh -- "$folder" | cut -f 1)). 'make restore BACKUP=$folder' brings it back."
if [ ! -e "$folder/encryption-key" ]; then
  say "It does NOT hold auth-service's keys.encryption_key. Keep that as well: without it the signing keys in the backup cannot"
  say "be read, and every session is over. ROWLOCK_ENCRYPTION_KEY_FILE=FILE puts it beside the dumps."
fi
