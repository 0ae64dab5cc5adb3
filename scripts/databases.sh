#!/usr/bin/env bash
# Creates Rowlock's databases and roles on the server that ROWLOCK_DATABASE_URL names, as a user who may do that.
# Each database has a role that owns it (for migrations) and one that serves; neither can connect to the other database.
# It can be run again: what is there stays, and passwords are set to those in the folder.
#   ROWLOCK_DATABASE_URL=postgres://admin@host/postgres databases.sh [FOLDER_WITH_PASSWORDS]
# The folder has one file per role: rowlock_auth_owner, rowlock_auth, rowlock_booking_owner, rowlock_booking.
# Without it the roles must be there, and keep their passwords.
# It stands by itself (bash, coreutils, psql), because the compose set-up runs it inside PostgreSQL's image.
set -euo pipefail

secrets=${1:-}
: "${ROWLOCK_DATABASE_URL:?must name a PostgreSQL server}"
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

# A password in the arguments could be read by every user of the machine, so it goes by the environment.
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
for role in rowlock_auth_owner rowlock_auth rowlock_booking_owner rowlock_booking; do
  if [ -z "$secrets" ]; then
    there=$(psql -X -q -A -t -d "$url" -c "SELECT count(*) FROM pg_roles WHERE rolname = '$role'")
    [ "$there" = 1 ] || { printf 'databases.sh: there is no role %s. Name a folder with the passwords of the roles.\n' "$role" >&2; exit 1; }
  elif [ ! -s "$secrets/$role" ]; then
    printf 'databases.sh: %s has no file %s.\n' "$secrets" "$role" >&2
    exit 1
  fi
done

password_of() { [ -z "$secrets" ] || cat "$secrets/$1"; }
for service in auth booking; do
  OWNER_PASSWORD=$(password_of "rowlock_${service}_owner") SERVICE_PASSWORD=$(password_of "rowlock_$service") \
    psql -X -q -v ON_ERROR_STOP=1 -v database="rowlock_$service" -d "$url" -f "$here/databases.sql" >/dev/null
done
