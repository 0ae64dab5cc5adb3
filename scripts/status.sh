#!/usr/bin/env bash
# make status: prints which parts of this checkout's system run, with pid and port, and which are not ready and why.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! load_ports; then
  say "Nothing has been set up here yet. 'make up' does it."
  exit 0
fi

part_port() {
  case $1 in
    postgres) printf '%s' "${PORT[POSTGRES]}" ;;
    rabbitmq) printf '%s' "${PORT[AMQP]}" ;;
    auth-service) printf '%s, %s' "${PORT[AUTH]}" "${PORT[AUTH_MANAGEMENT]}" ;;
    booking-service) printf '%s, %s' "${PORT[BOOKING]}" "${PORT[BOOKING_MANAGEMENT]}" ;;
    reallocation-worker) printf '%s' "${PORT[WORKER_MANAGEMENT]}" ;;
    gateway) printf '%s' "${PORT[GATEWAY]}" ;;
  esac
}

is_service() { [[ " ${SERVICES[*]} " == *" $1 "* ]]; }

# A server provided by the user has no pid file here.
part_state() {
  local servers
  servers=$(cat "$STATE/servers" 2>/dev/null || true)
  if alive "$1"; then
    if is_service "$1" && ! is_ready "$1"; then printf 'not ready'; else printf 'runs'; fi
  elif [ "$1" = postgres ] && [[ $servers == *database=given* ]] || [ "$1" = rabbitmq ] && [[ $servers == *amqp=given* ]]; then
    printf 'your own'
  elif [ -e "$(pid_file "$1")" ]; then
    printf 'has died'
  else
    printf 'stopped'
  fi
}

printf '%-21s %-10s %-8s %s\n' part state pid 'port (the second is for operators)'
for part in "${PARTS[@]}"; do
  state=$(part_state "$part")
  port=$(part_port "$part")
  [ "$state" != 'your own' ] || port=-
  printf '%-21s %-10s %-8s %s\n' "$part" "$state" "$(pid_of "$part" || printf -- -)" "$port"
done
for service in "${SERVICES[@]}"; do
  if alive "$service" && ! is_ready "$service"; then
    say ""
    say "$service says: $(curl -sS --noproxy '*' --max-time 3 "http://127.0.0.1:$(management_port "$service")/health/ready" 2>&1 || true)"
  fi
done
say ""
say "Address: $(gateway_url)   Logs: .local/log/   Data: see .local/where"
