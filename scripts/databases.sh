#!/usr/bin/env bash
# Creates Rowlock's databases and roles on the server that ROWLOCK_DATABASE_URL names, as a user with that privilege.
# Each database has a role that owns it (for migrations) and a service role; none can connect to another database.
# It is safe to run again: existing databases and roles are kept, and passwords are set to those in the folder.
#   ROWLOCK_DATABASE_URL=postgres://admin@host/postgres databases.sh [FOLDER_WITH_PASSWORDS]
# The folder has one file per role: rowlock_auth_owner, rowlock_auth, and the same for booking and notifier.
# Without the folder, the roles must exist, and they keep their passwords.
# The script uses only bash, coreutils and psql, because the compose set-up runs it inside the PostgreSQL image.
set -euo pipefail

secrets=${1:-}
: "${ROWLOCK_DATABASE_URL:?must name a PostgreSQL server}"
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

# Passwords are passed in the environment, because every user of the machine can read the arguments of a process.
url=$ROWLOCK_DATABASE_URL
if [[ $url =~ ^([a-z]+://)([^/@]*@)?(.*)$ ]]; then
  scheme=${BASH_REMATCH[1]} user=${BASH_REMATCH[2]%@} rest=${BASH_REMATCH[3]}
  if [[ $user == *:* ]]; then
    password=${user#*:}
    export PGPASSWORD
    printf -v PGPASSWORD '%b' "${password//%/\\x}"
    user=${user%%:*}
  fi
  url=$scheme${user:+$user@}$rest
fi

export PGCONNECT_TIMEOUT=10 PGOPTIONS='-c client_min_messages=warning'
for role in rowlock_auth_owner rowlock_auth rowlock_booking_owner rowlock_booking rowlock_notifier_owner rowlock_notifier; do
  if [ -z "$secrets" ]; then
    there=$(psql -X -q -A -t -d "$url" -c "SELECT count(*) FROM pg_roles WHERE rolname = '$role'")
    [ "$there" = 1 ] || { printf 'databases.sh: the role %s does not exist. Pass a folder with the passwords of the roles.\n' "$role" >&2; exit 1; }
  elif [ ! -s "$secrets/$role" ]; then
    printf 'databases.sh: %s has no file %s.\n' "$secrets" "$role" >&2
    exit 1
  fi
done

password_of() { [ -z "$secrets" ] || cat "$secrets/$1"; }
for service in auth booking notifier; do
  OWNER_PASSWORD=$(password_of "rowlock_${service}_owner") SERVICE_PASSWORD=$(password_of "rowlock_$service") \
    psql -X -q -v ON_ERROR_STOP=1 -v database="rowlock_$service" -d "$url" -f "$here/databases.sql" >/dev/null
done
