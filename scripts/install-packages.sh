#!/usr/bin/env bash
# Installs packages with apt, as root, without letting them start or enable their servers: no packaged server runs afterwards or
# starts at the next boot, and no default PostgreSQL cluster is created. Settings that it changes for this purpose are restored,
# even if it is interrupted.
#   install-packages.sh PACKAGE…
set -euo pipefail

policy=/usr/sbin/policy-rc.d
kept=$policy.before-rowlock
no_cluster=/etc/postgresql-common/createcluster.d/rowlock.conf
made_policy=

restore() {
  [ -z "$made_policy" ] || rm -f "$policy"
  [ ! -e "$kept" ] || mv -f "$kept" "$policy"
  rm -f "$no_cluster"
}
trap restore EXIT
trap 'exit 130' INT TERM HUP

# A previous run that was killed may have left the machine's own policy renamed.
[ ! -e "$kept" ] || mv -f "$kept" "$policy"
if [ -e "$policy" ]; then
  denied=0
  "$policy" nginx start >/dev/null 2>&1 || denied=$?
  [ "$denied" = 101 ] || mv "$policy" "$kept"
fi
if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\n# Of a Rowlock installation that is under way: packages start no servers.\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

mkdir -p "$(dirname "$no_cluster")"
printf 'create_main_cluster = false\n' >"$no_cluster"

# Servers that are already installed keep their settings; only new ones are disabled.
is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
new_units=()
is_installed nginx-common || new_units+=(nginx.service)
is_installed pgbouncer || new_units+=(pgbouncer.service)
is_installed redis-server || new_units+=(redis-server.service)
is_installed rabbitmq-server || new_units+=(rabbitmq-server.service)
is_installed erlang-base || new_units+=(epmd.service epmd.socket)

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends "$@"

if command -v systemctl >/dev/null; then
  for unit in "${new_units[@]}"; do
    [ ! -e "/lib/systemd/system/$unit" ] || systemctl disable --quiet "$unit" || true
  done
fi
