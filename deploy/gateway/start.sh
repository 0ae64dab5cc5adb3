#!/bin/sh
# Runs the gateway in its container. It works as any user and writes only to ROWLOCK_GATEWAY_DIR. nginx resolves names only when
# it loads its configuration, so this script resolves them and writes addresses: it reloads nginx whenever replicas are added,
# removed or moved.
# Invariants: if a name temporarily has no address, its service keeps the previous addresses, and the other service is still
# updated; a reload resolves no names, so it cannot fail because of one.
set -eu
# A shell that runs as process 1 ignores these signals by default.
trap 'exit 0' TERM QUIT

here=$(dirname -- "$0")
dir=${ROWLOCK_GATEWAY_DIR:-/tmp/gateway}

# addresses HOST:PORT: prints the current addresses of the host, each with the port; nothing if it has none.
addresses() {
  found=$(getent ahostsv4 "${1%:*}") || return 0
  printf '%s\n' "$found" | cut -d' ' -f1 | sort -u | sed "s/\$/:${1##*:}/"
}

# shellcheck source=deploy/gateway/settings.sh
. "$here/settings.sh"
proxies=$(rowlock_networks "${ROWLOCK_TRUSTED_PROXIES:-}")
origins=$(rowlock_origins "${ROWLOCK_ALLOWED_ORIGINS:-}")

# An installation without the web site has no ROWLOCK_WEB_UPSTREAM, and one without a notifier no ROWLOCK_NOTIFIER_UPSTREAM.
auth='' booking='' notifier='' web=''
look_up() {
  now=$(addresses "$ROWLOCK_AUTH_UPSTREAM")
  auth=${now:-$auth}
  now=$(addresses "$ROWLOCK_BOOKING_UPSTREAM")
  booking=${now:-$booking}
  if [ -n "${ROWLOCK_NOTIFIER_UPSTREAM:-}" ]; then
    now=$(addresses "$ROWLOCK_NOTIFIER_UPSTREAM")
    notifier=${now:-$notifier}
  fi
  [ -n "${ROWLOCK_WEB_UPSTREAM:-}" ] || return 0
  now=$(addresses "$ROWLOCK_WEB_UPSTREAM")
  web=${now:-$web}
}

# fill_in VALUE…: prints the line once per value, with the value in place of its name.
fill_in() {
  for value in "$@"; do printf '%s%s%s\n' "${line%%"\${"*}" "$value" "${line#*"}"}"; done
}

# render: prints the configuration, with a server for each address.
render() {
  # Addresses contain no spaces, so they can be split there.
  # shellcheck disable=SC2086
  while IFS= read -r line; do
    case $line in
      *"\${ROWLOCK_AUTH_UPSTREAM}"*) fill_in $auth ;;
      *"\${ROWLOCK_BOOKING_UPSTREAM}"*) fill_in $booking ;;
      *"\${ROWLOCK_NOTIFIER_UPSTREAM}"*) fill_in $notifier ;;
      *"\${ROWLOCK_WEB_UPSTREAM}"*) fill_in $web ;;
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
known="$auth $booking $notifier $web"

# nginx replaces this shell and takes over its process id.
while sleep 1 && kill -0 $$ 2>/dev/null; do
  look_up
  if [ "$auth $booking $notifier $web" != "$known" ] && render && reload; then known="$auth $booking $notifier $web"; fi
done &

exec nginx -p "$dir/" -c nginx.conf -e stderr -g 'daemon off; pid nginx.pid;'
