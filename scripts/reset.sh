#!/usr/bin/env bash
# make reset: stops this checkout's system and deletes its data, secrets and logs, after confirmation (RESET=yes: without).
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if [ ! -d "$STATE" ]; then
  say "There is nothing to delete here."
  exit 0
fi
if [ "${RESET:-}" != yes ]; then
  say "This deletes every account, event and booking of the system in $ROOT."
  [ -t 0 ] || fail "Nothing was deleted. Run it in a terminal, or say it is meant: RESET=yes make reset"
  read -r -p "Type yes to go on: " answer
  [ "$answer" = yes ] || fail "Nothing was deleted."
fi
take_lock
given=$(grep -c 'given' "$STATE/servers" 2>/dev/null || true)
data=$(cat "$STATE/postgres-data" 2>/dev/null || true)
stop_system
# Deletes the folder only if this checkout has created it.
case $data in
  "$STATE"/* | /var/lib/rowlock/"$CHECKOUT_ID"/*) rm -rf -- "${data:?}" "${data:?}.new" ;;
esac
rmdir -- "/var/lib/rowlock/$CHECKOUT_ID" 2>/dev/null || true
# The folder `test` belongs to running tests, and `tools` contains no data.
find "$STATE" -mindepth 1 -maxdepth 1 ! -name lock ! -name test ! -name tools -exec rm -rf -- {} +
say "All data of this checkout are deleted."
[ "${given:-0}" = 0 ] || say "What lies on the servers that you gave (databases rowlock_auth and rowlock_booking, queues) is still there."
