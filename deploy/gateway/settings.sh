# shellcheck shell=sh
# Checks the settings of the gateway. Sourced by start.sh and by crates/xtask.

# rowlock_networks LIST: prints each address or network (CIDR) of a comma-separated list on its own line. Fails with a sentence
# on standard error if one is invalid.
rowlock_networks() (
  set -f
  IFS=,
  for network in $1; do
    IFS=' '
    # shellcheck disable=SC2086
    set -- $network
    [ $# -gt 0 ] || continue
    case $1 in
      */0 | */00 | */000)
        echo "ROWLOCK_TRUSTED_PROXIES must not contain '$1', because every client could then forge its address." >&2
        exit 1
        ;;
    esac
    if [ $# -ne 1 ] || ! rowlock_is_network "$1"; then
      echo "ROWLOCK_TRUSTED_PROXIES must be addresses or networks separated by commas, such as 192.0.2.7,10.0.0.0/8, but contains '$*'." >&2
      exit 1
    fi
    printf '%s\n' "$1"
    IFS=,
  done
)

# rowlock_is_number TEXT MAX: returns whether the text is a number from 0 to MAX without leading zeros.
rowlock_is_number() {
  case $1 in
    '' | *[!0-9]* | 0?* | ????*) return 1 ;;
  esac
  [ "$1" -le "$2" ]
}

rowlock_is_network() (
  address=${1%%/*}
  case $1 in
    *:*) most=128 ;;
    *) most=32 ;;
  esac
  case $1 in
    */*) rowlock_is_number "${1#*/}" "$most" || exit 1 ;;
  esac
  if [ "$most" = 32 ]; then
    case $address in
      *. | .*) exit 1 ;;
    esac
    IFS=.
    # shellcheck disable=SC2086
    set -- $address
    [ $# -eq 4 ] || exit 1
    for part in "$@"; do rowlock_is_number "$part" 255 || exit 1; done
    exit 0
  fi
  short=8
  case $address in
    *[!0-9A-Fa-f:]* | *:::* | *::*::* | :[!:]* | *[!:]:) exit 1 ;;
    *::*) short=7 ;;
  esac
  IFS=:
  count=0
  for part in $address; do
    case $part in
      '') continue ;;
      ?????*) exit 1 ;;
    esac
    count=$((count + 1))
  done
  if [ "$short" = 8 ]; then [ "$count" -eq 8 ]; else [ "$count" -le "$short" ]; fi
)

# rowlock_origins LIST: prints each origin of a comma-separated list on its own line, or fails with a sentence.
rowlock_origins() (
  set -f
  IFS=,
  for origin in $1; do
    IFS=' '
    # shellcheck disable=SC2086
    set -- $origin
    [ $# -gt 0 ] || continue
    authority=${1#*://}
    case $#:$1:$authority in
      1:http://*:*[!a-z0-9.:-]* | 1:https://*:*[!a-z0-9.:-]* | 1:http://: | 1:https://:) valid='' ;;
      1:http://*:?* | 1:https://*:?*) valid=yes ;;
      *) valid='' ;;
    esac
    if [ -z "$valid" ]; then
      echo "ROWLOCK_ALLOWED_ORIGINS must be origins in lower case separated by commas, such as https://shop.example, but contains '$*'." >&2
      exit 1
    fi
    printf '%s\n' "$1"
    IFS=,
  done
)

# rowlock_check_tls: fails with a sentence if the settings of HTTPS are wrong.
rowlock_check_tls() (
  fail() {
    echo "$1" >&2
    exit 1
  }
  case ${ROWLOCK_HSTS_SECONDS:-0} in
    *[!0-9]* | ??????????*) fail "ROWLOCK_HSTS_SECONDS must be a number of seconds of at most nine digits, but is '$ROWLOCK_HSTS_SECONDS'." ;;
  esac
  if [ -z "${ROWLOCK_TLS_CERTIFICATE:-}${ROWLOCK_TLS_KEY:-}" ]; then
    [ -z "${ROWLOCK_REDIRECT_LISTEN:-}" ] || fail "ROWLOCK_REDIRECT_LISTEN needs ROWLOCK_TLS_CERTIFICATE and ROWLOCK_TLS_KEY, because there is no HTTPS without them."
    exit 0
  fi
  [ -n "${ROWLOCK_TLS_CERTIFICATE:-}" ] || fail "ROWLOCK_TLS_KEY needs ROWLOCK_TLS_CERTIFICATE, a file with the certificate chain."
  [ -n "${ROWLOCK_TLS_KEY:-}" ] || fail "ROWLOCK_TLS_CERTIFICATE needs ROWLOCK_TLS_KEY, a file with its private key."
  for file in "$ROWLOCK_TLS_CERTIFICATE" "$ROWLOCK_TLS_KEY"; do
    { [ -f "$file" ] && [ -r "$file" ]; } || fail "The gateway cannot read $file. It is a setting for HTTPS and must be a file that the gateway's user may read."
  done
  url=${ROWLOCK_PUBLIC_URL:-}
  url=${url%/}
  case $url in
    https://*[!a-z0-9.:-]* | https://) ;;
    https://*) exit 0 ;;
  esac
  fail "With a certificate, ROWLOCK_PUBLIC_URL must be the URL for visitors, such as https://tickets.example, but is '${ROWLOCK_PUBLIC_URL:-}'."
)
