#!/bin/sh
# Starts nginx in its container. nginx looks names up only when it reads its configuration, so it is told to read it again
# when a service has got another address: a container was made anew, or there are more of them.
set -eu

# The image's own entry point fills in the template before it runs what it is given.
/docker-entrypoint.sh nginx -t -q

addresses() {
  getent ahostsv4 "${ROWLOCK_AUTH_UPSTREAM%:*}" "${ROWLOCK_BOOKING_UPSTREAM%:*}" | cut -d' ' -f1 | sort -u
}

known=$(addresses)
while sleep 2; do
  now=$(addresses)
  if [ "$now" != "$known" ] && nginx -s reload; then known=$now; fi
done &

exec nginx -g 'daemon off;'
