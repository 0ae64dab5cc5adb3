#!/bin/sh
# Starts nginx in its container. nginx looks names up only when it reads its configuration, so it is told to read it again
# when a service has got another address: a container was made anew, or there are more of them.
set -eu

# The image's own entry point fills in the template before it runs what it is given.
/docker-entrypoint.sh nginx -t -q

# Fails while one of the names has no address; nginx would refuse to read its configuration again.
addresses() {
  auth=$(getent ahostsv4 "${ROWLOCK_AUTH_UPSTREAM%:*}") && booking=$(getent ahostsv4 "${ROWLOCK_BOOKING_UPSTREAM%:*}") &&
    printf '%s\n' "$auth" "$booking" | cut -d' ' -f1 | sort -u
}

known=$(addresses)
while sleep 2; do
  now=$(addresses) || continue
  if [ "$now" != "$known" ] && nginx -s reload; then known=$now; fi
done &

exec nginx -g 'daemon off;'
