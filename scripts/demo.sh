#!/usr/bin/env bash
# make demo: shows the waiting list on a running system through the public API. Six people book one of three tickets at the same
# moment, one of them returns the ticket, and the first in line gets it. It fails if any result is wrong.
# It uses this checkout's system, or another one:
#   ROWLOCK_URL=http://… ROWLOCK_ADMIN_EMAIL=… ROWLOCK_ADMIN_PASSWORD=… make demo
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

NAMES=(Ada Ben Chloe Dario Elif Femi)
TICKETS=3
# Maximum time until the returned ticket has its new holder, in seconds. It usually takes well under one.
PATIENCE=30

WORK=$(mktemp -d)
trap 'rm -rf -- "$WORK"' EXIT
RUN=$(date +%s)$RANDOM
declare -a TOKEN=() FIRST=() PLACE=() BOOKING=() LAST=()

# Each person has a separate account, created for this run.
person_signs_up() {
  local i=$1 name=${NAMES[$1]} password
  local handle=${name,,}$RUN
  password=$(random_secret | cut -c1-20)
  api POST /api/createaccount '' "$(jq -cn --arg name "$name" --arg handle "$handle" --arg password "$password" \
    '{name: $name, username: $handle, email: "\($handle)@demo.example", password: $password}')"
  [ "$API_STATUS" = 201 ] || fail "$name could not create an account: $(api_problem)."
  api POST /api/loginaccount '' "$(jq -cn --arg handle "$handle" --arg password "$password" \
    '{email: "\($handle)@demo.example", password: $password}')"
  [ "$API_STATUS" = 200 ] || fail "$name could not log in: $(api_problem)."
  jq -r .token <<<"$API_BODY" | write_private "$WORK/token-$i"
}

# All six wait until everybody is ready, so that their requests are concurrent.
person_books() {
  local i=$1 deadline=$((SECONDS + 60))
  : >"$WORK/ready-$i"
  until [ -e "$WORK/go" ]; do
    [ $SECONDS -lt $deadline ] || exit 1
    sleep 0.01
  done
  api POST /api/book "${TOKEN[$i]}" "{\"eventId\":\"$EVENT\",\"quantity\":1}"
  printf '%s\n%s\n' "$API_STATUS" "$API_BODY" >"$WORK/booked-$i"
}
all_ready() {
  local i
  for i in "${!NAMES[@]}"; do [ -e "$WORK/ready-$i" ] || return 1; done
}

# for_each FUNCTION: runs it for all six people concurrently; fails if it fails for one of them.
for_each() {
  local i pid pids=()
  for i in "${!NAMES[@]}"; do
    "$1" "$i" &
    pids+=($!)
  done
  if [ "$1" = person_books ]; then
    wait_until 30 all_ready || fail "Not all six people were ready in time."
    : >"$WORK/go"
  fi
  for pid in "${pids[@]}"; do wait "$pid" || exit 1; done
}

# read_answers: reads the first response to each person; FIRST becomes `booked` or `waiting`.
read_answers() {
  local i
  for i in "${!NAMES[@]}"; do
    { read -r API_STATUS && API_BODY=$(cat); } <"$WORK/booked-$i"
    case "$API_STATUS $(jq -r .status <<<"$API_BODY" 2>/dev/null || true)" in
      '201 confirmed')
        FIRST[i]=booked PLACE[i]='' BOOKING[i]=$(jq -r .booking.id <<<"$API_BODY")
        ;;
      '202 waitlisted')
        FIRST[i]=waiting PLACE[i]=$(jq -r .waitlistEntry.position <<<"$API_BODY") BOOKING[i]=''
        ;;
      *) fail "${NAMES[$i]} got an unexpected response: $(api_problem)." ;;
    esac
  done
}

# expect_status BOOKED WAITING: fails unless the administrator sees exactly these counts, and no available or held tickets.
expect_status() {
  api GET "/admin/status/$EVENT" "$ADMIN_TOKEN"
  [ "$API_STATUS" = 200 ] || fail "The event status could not be read: $(api_problem)."
  local counts
  counts=$(jq -r '"\(.totalTickets) tickets, \(.bookedTickets) booked, \(.availableTickets) available, \(.heldTickets) held, \(.waitlistLength) waiting"' <<<"$API_BODY")
  [ "$counts" = "$TICKETS tickets, $1 booked, 0 available, 0 held, $2 waiting" ] || fail "The event status has wrong numbers: $counts."
}

# has_ticket PERSON: succeeds if they hold a confirmed booking of the event that was promoted from the waiting list.
has_ticket() {
  api GET /api/bookings "${TOKEN[$1]}"
  [ "$API_STATUS" = 200 ] && jq -e --arg event "$EVENT" \
    'any(.items[]; .eventId == $event and .status == "confirmed" and .origin == "waitlist")' <<<"$API_BODY" >/dev/null
}

# place_of PERSON: prints their current position in the waiting list, or nothing if they do not wait.
place_of() {
  api GET /api/waitlist "${TOKEN[$1]}"
  [ "$API_STATUS" = 200 ] || fail "${NAMES[$1]} could not read the waiting list: $(api_problem)."
  jq -r --arg event "$EVENT" '.items[] | select(.eventId == $event and .status == "waiting") | .position' <<<"$API_BODY"
}

# who_has_place NUMBER: sets WHO; fails unless exactly one person got this position.
who_has_place() {
  local i found=()
  for i in "${!NAMES[@]}"; do [ "${PLACE[$i]}" != "$1" ] || found+=("$i"); done
  [ ${#found[@]} = 1 ] || fail "Position $1 of the waiting list was given to ${#found[@]} people instead of one."
  WHO=${found[0]}
}

need_tools ""
find_api
log_in_admin

say "$TICKETS tickets go on sale at ${ROWLOCK_URL:-$(gateway_url)}."
api POST /admin/initialize "$ADMIN_TOKEN" "{\"name\":\"Demo $RUN\",\"totalTickets\":$TICKETS}"
[ "$API_STATUS" = 201 ] || fail "The event could not be created: $(api_problem)."
EVENT=$(jq -r .id <<<"$API_BODY")

for_each person_signs_up
for i in "${!NAMES[@]}"; do TOKEN[i]=$(cat "$WORK/token-$i"); done

say "${#NAMES[@]} people book one ticket each, all at the same moment."
for_each person_books
read_answers

booked=() waiting=0
for i in "${!NAMES[@]}"; do
  if [ "${FIRST[$i]}" = booked ]; then booked+=("$i"); else waiting=$((waiting + 1)); fi
done
[ ${#booked[@]} = "$TICKETS" ] || fail "${#booked[@]} people have a confirmed booking, and there are $TICKETS tickets."
[ "$waiting" = 3 ] || fail "$waiting people are on the waiting list instead of 3."
who_has_place 3
third=$WHO
who_has_place 2
second=$WHO
who_has_place 1
first=$WHO
expect_status "$TICKETS" 3

giver=${booked[0]}
say "${NAMES[$giver]} returns a ticket. ${NAMES[$first]} is first on the waiting list."
api POST /api/cancelbooking "${TOKEN[$giver]}" "{\"bookingId\":\"${BOOKING[$giver]}\"}"
[ "$API_STATUS" = 200 ] && [ "$(jq -r .booking.status <<<"$API_BODY")" = cancelled ] || fail "${NAMES[$giver]} could not return the ticket: $(api_problem)."
wait_until "$PATIENCE" has_ticket "$first" || fail "${NAMES[$first]} is first on the waiting list and did not get the returned ticket within $PATIENCE seconds."

for i in "${!NAMES[@]}"; do
  place=$(place_of "$i")
  case $i in
    "$giver") LAST[i]='returned the ticket' ;;
    "$first") LAST[i]='got the returned ticket' ;;
    "$second" | "$third") LAST[i]="waiting, position $place" ;;
    *) LAST[i]='has a ticket' ;;
  esac
  case $i in
    "$second") [ "$place" = 1 ] || fail "${NAMES[$i]} should be at position 1 and is at position ${place:-none}." ;;
    "$third") [ "$place" = 2 ] || fail "${NAMES[$i]} should be at position 2 and is at position ${place:-none}." ;;
    *) [ -z "$place" ] || fail "${NAMES[$i]} should not be on the waiting list and is at position $place." ;;
  esac
  if [ "$i" != "$first" ] && has_ticket "$i"; then fail "${NAMES[$i]} got a ticket from the waiting list out of turn."; fi
done
expect_status "$TICKETS" 2

printf '\n  %-8s  %-24s  %s\n' 'person' 'after booking' "after ${NAMES[$giver]}'s return"
printf '  %-8s  %-24s  %s\n' '--------' '------------------------' '-------------------------'
for i in "${!NAMES[@]}"; do
  if [ "${FIRST[$i]}" = booked ]; then answer='has a ticket'; else answer="waiting, position ${PLACE[$i]}"; fi
  printf '  %-8s  %-24s  %s\n' "${NAMES[$i]}" "$answer" "${LAST[$i]}"
done
printf '\nResult: %s tickets, %s holders, and the returned ticket went to the first on the waiting list.\n' "$TICKETS" "$TICKETS"
