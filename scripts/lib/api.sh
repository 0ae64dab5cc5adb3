# shellcheck shell=bash
# Access to the public HTTP API: requests, the URL, and the administrator's login.

# api METHOD PATH TOKEN [JSON]: sends a request to $API_URL. Sets API_BODY to the body of the response and API_STATUS to its
# status (000: no response). Token and body are passed to curl on stdin, so that other users cannot see them in the process list.
api() {
  local method=$1 path=$2 token=$3 json=${4:-} config answer
  config="url = \"$API_URL$path\""$'\n'"request = \"$method\""$'\n'
  [ -z "$token" ] || config+="header = \"Authorization: Bearer $token\""$'\n'
  if [ -n "$json" ]; then
    json=${json//\\/\\\\}
    json=${json//\"/\\\"}
    config+="header = \"Content-Type: application/json\""$'\n'"data-binary = \"$json\""$'\n'
  fi
  answer=$(curl -sS --noproxy localhost,127.0.0.1 --max-time 30 -w '\n%{http_code}' -K - <<<"$config" 2>/dev/null) || true
  API_STATUS=${answer##*$'\n'}
  API_BODY=${answer%$'\n'*}
  [[ $API_STATUS =~ ^[0-9]{3}$ ]] || API_STATUS=000
}

# api_problem: prints what went wrong with the last request, as part of a sentence.
api_problem() {
  if [ "$API_STATUS" = 000 ]; then
    printf 'no answer from %s' "$API_URL"
  else
    printf 'status %s, %s' "$API_STATUS" "$(jq -r '[.code // empty, .detail // empty, (.errors // [] | .[] | "\(.field): \(.message)")] | join("; ")' <<<"$API_BODY" 2>/dev/null || printf 'not JSON')"
  fi
}

# find_api: sets API_URL to ROWLOCK_URL, or to the URL of this checkout's system.
find_api() {
  API_URL=${ROWLOCK_URL:-}
  API_URL=${API_URL%/}
  [ -n "$API_URL" ] && return 0
  load_ports || fail "Nothing has been set up here. Run 'make up' first, or name a running system with ROWLOCK_URL."
  alive gateway || fail "The system is not running. Run 'make up' first."
  API_URL=http://127.0.0.1:${PORT[GATEWAY]}
}

# log_in_admin: sets ADMIN_TOKEN, using ROWLOCK_ADMIN_EMAIL and ROWLOCK_ADMIN_PASSWORD or the login that make up has created.
log_in_admin() {
  local login
  if [ -n "${ROWLOCK_ADMIN_EMAIL:-}" ] && [ -n "${ROWLOCK_ADMIN_PASSWORD:-}" ]; then
    login=$(jq -cn '{email: env.ROWLOCK_ADMIN_EMAIL, password: env.ROWLOCK_ADMIN_PASSWORD}')
  elif [ -r "$STATE/admin-login.json" ]; then
    login=$(jq -c '{email, password}' "$STATE/admin-login.json")
  else
    fail "No administrator's login is known. Give ROWLOCK_ADMIN_EMAIL and ROWLOCK_ADMIN_PASSWORD."
  fi
  api POST /admin/loginaccount '' "$login"
  [ "$API_STATUS" = 200 ] || fail "The administrator could not log in: $(api_problem)."
  ADMIN_TOKEN=$(jq -r .token <<<"$API_BODY")
}
