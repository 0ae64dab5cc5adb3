#!/bin/sh
# Runs the gateway in its container, as any user, with nothing to write to but ROWLOCK_GATEWAY_DIR. nginx looks names up only
# when it reads its configuration, so they are looked up here and nginx is given addresses: a new configuration whenever
# there are more replicas or fewer, or one of them has got another address.
# Keeps true: a name that has no address for a moment leaves its service the addresses that it had, and the other service
# is followed all the same; a reload has no name left to look up that could fail.
set -eu
# As process 1 a shell would not hear these.
trap 'exit 0' TERM QUIT

here=$(dirname -- "$0")
dir=${ROWLOCK_GATEWAY_DIR:-/tmp/gateway}

# addresses HOST:PORT: those of the host, with the port; none if it has none at the moment.
addresses() {
  found=$(getent ahostsv4 "${1%:*}") || return 0
  printf '%s\n' "$found" | cut -d' ' -f1 | sort -u | sed "s/\$/:${1##*:}/"
}

# shellcheck source=deploy/gateway/settings.sh
. "$here/settings.sh"
proxies=$(rowlock_networks "${ROWLOCK_TRUSTED_PROXIES:-}")
origins=$(rowlock_origins "${ROWLOCK_ALLOWED_ORIGINS:-}")

auth='' booking=''
look_up() {
  now=$(addresses "$ROWLOCK_AUTH_UPSTREAM")
  auth=${now:-$auth}
  now=$(addresses "$ROWLOCK_BOOKING_UPSTREAM")
  booking=${now:-$booking}
}

# fill_in VALUE…: the line with each value in the place of its name.
fill_in() {
  for value in "$@"; do printf '%s%s%s\n' "${line%%"\${"*}" "$value" "${line#*"}"}"; done
}

# render: the configuration, with a server for each address.
render() {
  # Addresses hold no white space, so they can be taken apart at it.
  # shellcheck disable=SC2086
  while IFS= read -r line; do
    case $line in
      *"\${ROWLOCK_AUTH_UPSTREAM}"*) fill_in $auth ;;
      *"\${ROWLOCK_BOOKING_UPSTREAM}"*) fill_in $booking ;;
      *"\${ROWLOCK_TRUSTED_PROXIES}"*) fill_in $proxies ;;
      *"\${ROWLOCK_ALLOWED_ORIGINS}"*) fill_in $origins ;;
      *"\${ROWLOCK_GATEWAY_LISTEN}"*) fill_in "$ROWLOCK_GATEWAY_LISTEN" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done <"$here/rowlock.conf.template" >"$dir/conf.d/rowlock.conf.new"
  mv -- "$dir/conf.d/rowlock.conf.new" "$dir/conf.d/rowlock.conf"
}

reload() { nginx -p "$dir/" -c nginx.conf -e stderr -g 'pid nginx.pid;' -s reload; }

look_up
if [ -z "$auth" ] || [ -z "$booking" ]; then
  echo "The gateway waits until $ROWLOCK_AUTH_UPSTREAM and $ROWLOCK_BOOKING_UPSTREAM have an address." >&2
  while [ -z "$auth" ] || [ -z "$booking" ]; do
    sleep 1
    look_up
  done
fi
mkdir -p "$dir/conf.d"
cp -- "$here/nginx.conf" "$dir/nginx.conf"
render
known="$auth $booking"

# It ends with nginx, which takes over the number of this shell.
while sleep 1 && kill -0 $$ 2>/dev/null; do
  look_up
  if [ "$auth $booking" != "$known" ] && render && reload; then known="$auth $booking"; fi
done &

exec nginx -p "$dir/" -c nginx.conf -e stderr -g 'daemon off; pid nginx.pid;'
