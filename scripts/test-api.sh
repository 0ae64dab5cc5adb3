#!/usr/bin/env bash
# make test-api: schemathesis generates requests from the served API description and sends them through the gateway: its
# examples, values at and just beyond its limits, and malformed input. It fails if a response is a 5xx or is not described. It
# starts a private system for this run and removes it afterwards; or name another one, in which it creates accounts, events and
# bookings:
#   ROWLOCK_URL=http://… ROWLOCK_ADMIN_EMAIL=… ROWLOCK_ADMIN_PASSWORD=… make test-api
#   ROWLOCK_BIN_DIR  the services to test, instead of a debug build
# Every run sends the same requests. Those that failed are in target/test-api, with the commands that repeat them.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/lib/test-servers.sh
. "$ROOT/scripts/lib/test-servers.sh"
# shellcheck source=scripts/lib/test-system.sh
. "$ROOT/scripts/lib/test-system.sh"
unset ROWLOCK_DATABASE_URL ROWLOCK_AMQP_URL

OUT=$ROOT/target/test-api
REQUIREMENTS=$ROOT/scripts/test-api/requirements.txt
# The ids in the examples of the description: crates/*/src/routes/examples.rs.
EXAMPLE_EVENT=01936f1d-7000-7a11-8b22-3c4d5e6f7003
EXAMPLE_TYPE=01936f1d-77a0-7c44-8d10-5e2b7a9c3f04
EXAMPLE_BOOKING=01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05
EXAMPLE_ENTRY=01936f1f-0c30-7e10-a1b2-8d5e4f3c2b07

# need_schemathesis: installs it into .local, once per list of packages.
need_schemathesis() {
  local venv
  venv=$STATE/tools/schemathesis-$(sha256sum "$REQUIREMENTS" | cut -c1-12)
  SCHEMATHESIS=$venv/bin/schemathesis
  [ ! -e "$venv/complete" ] || return 0
  if ! have python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then install_packages python3 python3-venv; fi
  step "Installing schemathesis (once)"
  rm -rf -- "$venv"
  mkdir -p "$STATE/log" "$STATE/tools"
  { python3 -m venv "$venv" && "$venv/bin/pip" install --disable-pip-version-check -r "$REQUIREMENTS"; } >"$STATE/log/schemathesis.log" 2>&1 ||
    fail_with_log "schemathesis could not be installed; it needs the network this once." "$STATE/log/schemathesis.log"
  : >"$venv/complete"
}

# must STATUS METHOD PATH TOKEN [JSON]: sends a request that has to get this status.
must() {
  local status=$1
  shift
  api "$@"
  [ "$API_STATUS" = "$status" ] || fail "$1 $2: $(api_problem)."
}
field() { jq -r "$1" <<<"$API_BODY"; }

# sign_up HANDLE: creates an account for this run; sets ACCOUNT to its id and TOKEN to its access token.
sign_up() {
  local login
  login=$(jq -cn --arg email "$1$RUN@example.org" --arg password "$PASSWORD" '{email: $email, password: $password}')
  must 201 POST /api/createaccount '' "$(jq -c --arg name "$1" --arg username "$1$RUN" '. + {name: $name, username: $username}' <<<"$login")"
  ACCOUNT=$(field .id)
  must 200 POST /api/loginaccount '' "$login"
  TOKEN=$(field .token)
}

# make_things: creates an event with a booking and a waiting-list entry, accounts and sessions, to be named in requests.
make_things() {
  sign_up user
  USER_TOKEN=$TOKEN
  sign_up guest
  GUEST=$ACCOUNT GUEST_TOKEN=$TOKEN
  must 201 POST /admin/initialize "$ADMIN_TOKEN" '{"name": "Boat race", "totalTickets": 100000, "maxPerBooking": 100, "startsAt": "2099-01-01T00:00:00Z"}'
  EVENT=$(field .id) TYPE=$(field '.ticketTypes[0].id')
  must 201 POST /api/book "$USER_TOKEN" "{\"eventId\": \"$EVENT\", \"quantity\": 90}"
  BOOKING=$(field .booking.id)
  must 201 POST /admin/initialize "$ADMIN_TOKEN" '{"name": "Sold out", "totalTickets": 1}'
  SOLD_OUT=$(field .id)
  must 201 POST /api/book "$GUEST_TOKEN" "{\"eventId\": \"$SOLD_OUT\"}"
  must 202 POST /api/book "$USER_TOKEN" "{\"eventId\": \"$SOLD_OUT\"}"
  ENTRY=$(field .waitlistEntry.id)
  must 200 GET /api/sessions "$GUEST_TOKEN"
  SESSION=$(field '.items[0].id')
}

# Writes the served description with the ids in its examples replaced by existing ones, and the settings with the same ids.
write_input() {
  must 200 GET /api/openapi.json ''
  sed -e "s/$EXAMPLE_EVENT/$EVENT/g; s/$EXAMPLE_TYPE/$TYPE/g; s/$EXAMPLE_BOOKING/$BOOKING/g; s/$EXAMPLE_ENTRY/$ENTRY/g" <<<"$API_BODY" >"$WORK/openapi.json"
  {
    cat "$ROOT/scripts/test-api/schemathesis.toml"
    printf '\n[dictionaries]\nevents = { values = ["%s", "%s"] }\n' "$EVENT" "$SOLD_OUT"
    printf 'types = { values = ["%s"] }\naccounts = { values = ["%s"] }\nsessions = { values = ["%s"] }\n' "$TYPE" "$GUEST" "$SESSION"
  } >"$WORK/schemathesis.toml"
}

# run_as NAME TOKEN ARGUMENT…: runs schemathesis once with this token.
run_as() {
  local name=$1 token=$2
  shift 2
  say
  say "As $name"
  (cd "$WORK" && ROWLOCK_TEST_TOKEN=$token "$SCHEMATHESIS" --config-file schemathesis.toml run openapi.json --url "$API_URL" \
    --report junit,ndjson --report-dir "$OUT/$name" "$@") || FAILED+=("$name")
}

WORK=$(mktemp -d)
trap 'rm -rf -- "$WORK"' EXIT
trap 'exit 130' INT TERM HUP
RUN=$(date +%s)$RANDOM
PASSWORD=$(random_secret | cut -c1-20)
FAILED=()
need_tools
need_schemathesis
if [ -n "${ROWLOCK_URL:-}" ]; then
  find_api
else
  ADMIN_EMAIL=root@example.org
  start_system
  export ROWLOCK_ADMIN_EMAIL=$ADMIN_EMAIL ROWLOCK_ADMIN_PASSWORD=$PASSWORD
fi
log_in_admin
make_things
write_input
rm -rf -- "${OUT:?}"
mkdir -p "$OUT"

# These operations invalidate the token that they are called with, so they run last, with the token of a separate account.
ENDING='^(eraseAccount|endSession|endOtherSessions)$'
run_as user "$USER_TOKEN" --exclude-operation-id-regex "$ENDING"
run_as administrator "$ADMIN_TOKEN" --include-tag administration
run_as leaver "$GUEST_TOKEN" --include-operation-id-regex "$ENDING"
if [ ${#FAILED[@]} -gt 0 ]; then
  mkdir -p "$OUT/log"
  cp -- "$PARTS_DIR"/log/*.log "$OUT/log/" 2>/dev/null || true
  fail "Answers that should not be, as: ${FAILED[*]}. See above and $OUT."
fi
say
say "Every answer was one that the description describes."
