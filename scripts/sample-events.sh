#!/usr/bin/env bash
# Creates a few sample events through the public API, as the administrator. Skips events whose name already exists. It uses this
# checkout's system, or another one:
#   ROWLOCK_URL=http://… ROWLOCK_ADMIN_EMAIL=… ROWLOCK_ADMIN_PASSWORD=… scripts/sample-events.sh
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_tools ""
find_api
log_in_admin

# in_days DAYS HOUR: prints a time in the future, in the format of the API.
in_days() { date -u -d "$1 days $2:00" +%Y-%m-%dT%H:%M:%SZ; }

# sample EVENT: creates the event, unless one with the same name is on sale.
sample() {
  local name status
  name=$(jq -r .name <<<"$1")
  api GET "/api/events?limit=100&q=$(jq -rn --arg name "$name" '$name | @uri')" ''
  [ "$API_STATUS" = 200 ] || fail "The events could not be read: $(api_problem)."
  if jq -e --arg name "$name" 'any(.items[]; .name == $name)' <<<"$API_BODY" >/dev/null; then
    say "There already: $name"
    return 0
  fi
  api POST /admin/initialize "$ADMIN_TOKEN" "$(jq -c . <<<"$1")"
  status=$API_STATUS
  [ "$status" = 201 ] || fail "The event '$name' could not be created: $(api_problem)."
  say "Created: $name"
}

sample "$(jq -n --arg starts "$(in_days 21 19)" --arg ends "$(in_days 21 22)" '{
  name: "An Evening of String Quartets",
  description: "Haydn, Ravel and Shostakovich, played in the round.",
  venue: "Old Corn Exchange",
  startsAt: $starts, endsAt: $ends,
  ticketTypes: [
    {name: "Stalls", totalTickets: 120, price: {amountMinor: 3200, currency: "EUR"}},
    {name: "Gallery", totalTickets: 60, price: {amountMinor: 1800, currency: "EUR"}},
    {name: "Student", totalTickets: 20, price: {amountMinor: 900, currency: "EUR"}, maxPerBooking: 1, maxPerAccount: 1}
  ]}')"

sample "$(jq -n --arg starts "$(in_days 35 18)" --arg ends "$(in_days 35 21)" '{
  name: "Regatta Night on the River",
  description: "Lantern boats, a brass band and a late supper on the quay.",
  venue: "South Quay",
  startsAt: $starts, endsAt: $ends,
  ticketTypes: [{name: "Admission", totalTickets: 400, price: {amountMinor: 1200, currency: "EUR"}}]}')"

sample "$(jq -n --arg starts "$(in_days 14 17)" --arg ends "$(in_days 14 20)" '{
  name: "Boat Building for Beginners",
  description: "Eight places at the bench. You take home what you have made.",
  venue: "Lower Boatyard",
  startsAt: $starts, endsAt: $ends,
  ticketTypes: [{name: "Place at the bench", totalTickets: 8, price: {amountMinor: 4500, currency: "EUR"}, maxPerBooking: 2}]}')"
