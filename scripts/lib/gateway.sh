# shellcheck shell=bash
# Renders the configuration of nginx in deploy/gateway for crates/xtask and for the tests.

# shellcheck source=deploy/gateway/settings.sh
. "$ROOT/deploy/gateway/settings.sh"

# gateway_lines NAME VALUE…: copies the configuration from stdin to stdout, repeating each line that contains NAME for each
# value.
gateway_lines() {
  local name="\${$1}" line value
  shift
  while IFS= read -r line; do
    if [[ $line != *"$name"* ]]; then
      printf '%s\n' "$line"
      continue
    fi
    for value in "$@"; do printf '%s\n' "${line//"$name"/$value}"; done
  done
}

# gateway_render DIR PORT AUTH BOOKING…: writes the configuration to DIR, which is nginx's prefix. Requests are balanced over the
# booking-services. ROWLOCK_TRUSTED_PROXIES names the proxies in front of the gateway, ROWLOCK_ALLOWED_ORIGINS the origins whose
# web pages may read the gateway's own responses, ROWLOCK_WEB_ADDRESS the web service and ROWLOCK_NOTIFIER_ADDRESS the notifier, if
# there is one.
gateway_render() {
  local dir=$1 text line address more='' networks origins proxies=() pages=()
  networks=$(rowlock_networks "${ROWLOCK_TRUSTED_PROXIES:-}" 2>&1) || fail "$networks"
  [ -z "$networks" ] || mapfile -t proxies <<<"$networks"
  origins=$(rowlock_origins "${ROWLOCK_ALLOWED_ORIGINS:-}" 2>&1) || fail "$origins"
  [ -z "$origins" ] || mapfile -t pages <<<"$origins"
  mkdir -p "$dir/conf.d"
  text=$(cat "$ROOT/deploy/gateway/rowlock.conf.template")
  line=$(grep -F "server \${ROWLOCK_BOOKING_UPSTREAM}" <<<"$text")
  for address in "${@:5}"; do
    more+=$'\n'${line//"\${ROWLOCK_BOOKING_UPSTREAM}"/$address}
  done
  text=${text//"$line"/$line$more}
  text=${text//"\${ROWLOCK_GATEWAY_LISTEN}"/127.0.0.1:$2}
  text=${text//"\${ROWLOCK_AUTH_UPSTREAM}"/$3}
  text=${text//"\${ROWLOCK_BOOKING_UPSTREAM}"/$4}
  text=$(gateway_lines ROWLOCK_NOTIFIER_UPSTREAM ${ROWLOCK_NOTIFIER_ADDRESS:+"$ROWLOCK_NOTIFIER_ADDRESS"} <<<"$text")
  gateway_lines ROWLOCK_WEB_UPSTREAM ${ROWLOCK_WEB_ADDRESS:+"$ROWLOCK_WEB_ADDRESS"} <<<"$text" | gateway_lines ROWLOCK_TRUSTED_PROXIES "${proxies[@]}" | gateway_lines ROWLOCK_ALLOWED_ORIGINS "${pages[@]}" >"$dir/conf.d/rowlock.conf"
  cp -- "$ROOT/deploy/gateway/nginx.conf" "$dir/nginx.conf"
}
