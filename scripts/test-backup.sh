#!/usr/bin/env bash
# Tests backup.sh and restore.sh with two temporary PostgreSQL clusters: a backup of one is restored to the other, the services
# run on it, and forbidden operations are refused. `make test` runs this after cargo's tests.
#   ROWLOCK_BIN_DIR  the services to test with; by default those that cargo test has built
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/lib/test-servers.sh
. "$ROOT/scripts/lib/test-servers.sh"
# shellcheck source=scripts/lib/backup.sh
. "$ROOT/scripts/lib/backup.sh"
unset ROWLOCK_DATABASE_URL ROWLOCK_AMQP_URL OVERWRITE ROWLOCK_ROLE_PASSWORDS ROWLOCK_ENCRYPTION_KEY_FILE

broken() {
  printf 'FAILED: %s\n' "$1" >&2
  [ ! -s "$OUT" ] || sed 's/^/    /' "$OUT" >&2
  exit 1
}

# works COMMAND…: the command has to succeed. refused TEXT COMMAND…: it has to fail and print TEXT.
works() { "$@" >"$OUT" 2>&1 || broken "$* has failed"; }
refused() {
  local text=$1
  shift
  if "$@" >"$OUT" 2>&1; then broken "$* has not been refused"; fi
  said "$text"
}
said() { grep -qF -- "$1" "$OUT" || broken "it did not say: $1"; }

start_cluster() {
  pg_place "$1"
  pg_init "$1" "$SECRETS/postgres" md5 --no-sync
  pg_launch "$1" "$2" password_encryption=md5 fsync=off max_wal_senders=0 wal_level=minimal
}
url_of() { printf 'postgres://postgres:%s@127.0.0.1:%s/postgres' "$(cat "$SECRETS/postgres")" "$1"; }
psql_at() { PGPASSWORD=$(cat "$SECRETS/postgres") psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$1" -U postgres -d "$2" -c "$3"; }

# on PORT COMMAND…: runs the command against the cluster at that port.
on() {
  local port=$1
  shift
  env "ROWLOCK_DATABASE_URL=$(url_of "$port")" "$@"
}

# content PORT: prints both databases as text: rows, schema, owners and privileges. Parentheses are removed, because a CHECK
# constraint has fewer of them after its text has been parsed again.
content() {
  local database
  for database in "${BACKUP_DATABASES[@]}"; do
    PGPASSWORD=$(cat "$SECRETS/postgres") "$PG_BIN/pg_dump" -h 127.0.0.1 -p "$1" -U postgres -d "$database" | grep -v -E '^\\(un)?restrict ' | tr -d '()'
  done
}

# settings SERVICE PORT: prints its environment for the cluster at that port. There is no broker, so messages stay in the outbox.
settings() {
  local name=rowlock_${1%-service}
  printf '%s\n' "ROWLOCK__DATABASE__URL=postgres://$name:$(cat "$SECRETS/$name")@127.0.0.1:$2/$name" \
    "ROWLOCK__DATABASE__MIGRATION_URL=postgres://${name}_owner:$(cat "$SECRETS/${name}_owner")@127.0.0.1:$2/$name"
  case $1 in
    auth-service) printf '%s\n' "ROWLOCK__HTTP__LISTEN=127.0.0.1:$((BASE + 2))" "ROWLOCK__MANAGEMENT__LISTEN=127.0.0.1:$((BASE + 3))" \
      ROWLOCK__OUTBOX__RELAY=false ROWLOCK__PASSWORDS__BCRYPT_COST=4 "ROWLOCK__KEYS__ENCRYPTION_KEY=$(cat "$SECRETS/encryption-key")" ;;
    booking-service) printf '%s\n' "ROWLOCK__HTTP__LISTEN=127.0.0.1:$((BASE + 4))" "ROWLOCK__MANAGEMENT__LISTEN=127.0.0.1:$((BASE + 5))" \
      ROWLOCK__AMQP__URL=amqp://nobody@127.0.0.1:1/ "ROWLOCK__TOKENS__JWKS_URL=http://127.0.0.1:$((BASE + 2))/.well-known/jwks.json" \
      "ROWLOCK__TOKENS__REVOCATIONS_URL=http://127.0.0.1:$((BASE + 2))/internal/revocations" ;;
  esac
}
service() {
  local name=$1 port=$2 environment
  shift 2
  mapfile -t environment < <(settings "$name" "$port")
  env -i "${environment[@]}" "$BIN_DIR/$name" "$@"
}
serve() {
  local environment
  mapfile -t environment < <(settings "$1" "$2")
  launch "$1" env -i "${environment[@]}" "$BIN_DIR/$1" serve
}

# call STATUS SERVICE METHOD PATH TOKEN [JSON]: sends a request that has to get this status; sets API_BODY.
call() {
  local status=$1 service=$2
  shift 2
  API_URL=http://127.0.0.1:$((BASE + 2))
  [ "$service" = auth ] || API_URL=http://127.0.0.1:$((BASE + 4))
  api "$@"
  [ "$API_STATUS" = "$status" ] || broken "$1 $2: $(api_problem)"
}
answers() { api GET "$1" ''; [ "$API_STATUS" = 200 ]; }
answers_at() { API_URL=$1 answers "$2"; }

# some_history: creates a booking, a waiting-list entry, and a returned ticket whose message has not been published yet.
some_history() {
  printf 'correct horse battery\n' | write_private "$SECRETS/admin-password"
  works service auth-service "$FROM" create-admin --email root@example.org --username root --name Root --password-file "$SECRETS/admin-password"
  serve auth-service "$FROM"
  serve booking-service "$FROM"
  wait_until 20 answers_at "http://127.0.0.1:$((BASE + 2))" /.well-known/jwks.json || broken "auth-service does not answer"
  wait_until 20 answers_at "http://127.0.0.1:$((BASE + 4))" /api/events || broken "booking-service does not answer"
  local root ada event
  call 200 auth POST /admin/loginaccount '' '{"email": "root@example.org", "password": "correct horse battery"}'
  root=$(jq -r .token <<<"$API_BODY")
  call 201 auth POST /api/createaccount '' '{"name": "Ada", "username": "ada", "email": "ada@example.org", "password": "correct horse battery"}'
  call 200 auth POST /api/loginaccount '' '{"email": "ada@example.org", "password": "correct horse battery"}'
  ada=$(jq -r .token <<<"$API_BODY")
  ADA=$API_BODY
  call 201 booking POST /admin/initialize "$root" '{"name": "Boat race", "totalTickets": 2}'
  event=$(jq -r .id <<<"$API_BODY")
  call 201 booking POST /api/book "$root" "{\"eventId\": \"$event\", \"quantity\": 2}"
  call 202 booking POST /api/book "$ada" "{\"eventId\": \"$event\"}"
  call 200 booking POST /api/cancelbooking "$root" "{\"eventId\": \"$event\", \"quantity\": 1}"
  stop_process booking-service TERM 20
  stop_process auth-service TERM 20
}

need_tools postgres
BIN_DIR=${ROWLOCK_BIN_DIR:-$(cd "$ROOT" && cargo metadata --format-version 1 --no-deps --locked | jq -r .target_directory)/debug}
export ROWLOCK_BIN_DIR=$BIN_DIR
[ -d "$STATE" ] || mkdir -m 700 "$STATE"
use_test_servers "$(run_name $$)"
trap test_servers_stop EXIT
trap 'exit 130' INT TERM HUP
SECRETS=$PARTS_DIR/secrets OUT=$PARTS_DIR/out BACKUP=$PARTS_DIR/backup
make_secrets
chmod 700 "$STATE"
BASE=$(next_free_block $((26000 + RANDOM % 6000)) 6)
FROM=$BASE TO=$((BASE + 1))
say "Testing backup and restore"
start_cluster from "$FROM"
start_cluster to "$TO"
pg_wait from "$FROM" "$SECRETS/postgres"
pg_wait to "$TO" "$SECRETS/postgres"
works on "$FROM" "$ROOT/scripts/databases.sh" "$SECRETS"
works service auth-service "$FROM" migrate
works service booking-service "$FROM" migrate
some_history
waiting=$(psql_at "$FROM" rowlock_booking 'SELECT count(*) FROM outbox')
[ "$waiting" -gt 0 ] || broken "no message waits in the outbox"

# A backup without the key says so; a backup with the key is readable only by its owner.
works on "$FROM" "$ROOT/scripts/backup.sh" "$BACKUP.keyless"
said "It does NOT hold auth-service's keys.encryption_key"
works on "$FROM" env "ROWLOCK_ENCRYPTION_KEY_FILE=$SECRETS/encryption-key" "$ROOT/scripts/backup.sh" "$BACKUP"
cmp -s "$SECRETS/encryption-key" "$BACKUP/encryption-key" || broken "the key is not in the backup"
[ -z "$(find "$BACKUP" ! -perm 600 ! -type d -o -type d ! -perm 700)" ] || broken "others can read the backup"
newest=$(find "$ROOT/migrations/booking" -mindepth 1 -maxdepth 1 -name '[0-9]*_*' -printf '%f\n' | sort | tail -n 1)
[ "$(jq -r .schemas.rowlock_booking "$BACKUP/manifest.json")" = "${newest%%_*}" ] || broken "the manifest does not tell the version of the schema"
refused 'is there already' on "$FROM" "$ROOT/scripts/backup.sh" "$BACKUP"

# Restoring to an empty cluster fails without passwords for its roles. With them, everything is restored and consistent.
refused 'there is no role rowlock_auth_owner' on "$TO" "$ROOT/scripts/restore.sh" "$BACKUP"
works on "$TO" env "ROWLOCK_ROLE_PASSWORDS=$SECRETS" "$ROOT/scripts/restore.sh" "$BACKUP"
said 'ok     no ticket types whose counters do not add up'
said 'all is as it must be'
diff <(content "$FROM") <(content "$TO") >"$OUT" || broken "the two clusters differ"
[ "$(psql_at "$TO" rowlock_booking 'SELECT count(*) FROM outbox')" = "$waiting" ] || broken "the outbox is not what it was"

# With the key from the backup, sessions stay valid.
serve auth-service "$TO"
wait_until 20 answers_at "http://127.0.0.1:$((BASE + 2))" /.well-known/jwks.json || broken "auth-service does not answer on what was restored"
call 200 auth GET /api/account "$(jq -r .token <<<"$ADA")"
call 200 auth POST /api/refreshtoken '' "$(jq -c '{refreshToken}' <<<"$ADA")"

# Databases with tables are overwritten only if requested, and not while they are in use; roles keep their passwords.
refused 'there are tables in rowlock_booking rowlock_auth' on "$TO" "$ROOT/scripts/restore.sh" "$BACKUP"
refused 'rowlock_auth could not be deleted' on "$TO" env OVERWRITE=yes "$ROOT/scripts/restore.sh" "$BACKUP"
stop_process auth-service TERM 20
works on "$TO" env OVERWRITE=yes "$ROOT/scripts/restore.sh" "$BACKUP"
diff <(content "$FROM") <(content "$TO") >"$OUT" || broken "the two clusters differ after the second time"
works service auth-service "$TO" migrate

# A damaged or incomplete backup changes nothing.
cp -r -- "$BACKUP" "$BACKUP.damaged"
printf x >>"$BACKUP.damaged/rowlock_auth.dump"
refused 'is damaged: rowlock_auth.dump' on "$TO" env OVERWRITE=yes "$ROOT/scripts/restore.sh" "$BACKUP.damaged"
rm -- "$BACKUP.damaged/rowlock_auth.dump"
refused 'rowlock_auth.dump is missing' on "$TO" env OVERWRITE=yes "$ROOT/scripts/restore.sh" "$BACKUP.damaged"
diff <(content "$FROM") <(content "$TO") >"$OUT" || broken "a damaged backup has changed something"

# A violation that the audit finds makes the restore fail.
psql_at "$FROM" rowlock_booking "DELETE FROM bookings"
works on "$FROM" "$ROOT/scripts/backup.sh" "$BACKUP.wrong"
refused 'the audit found something wrong' on "$TO" env OVERWRITE=yes "$ROOT/scripts/restore.sh" "$BACKUP.wrong"
said 'WRONG  1 ticket types whose booked tickets are not the sum of their confirmed bookings'
say "Backup and restore do what they must."
