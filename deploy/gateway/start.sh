#!/bin/sh
# Runs the gateway with the settings in its environment, or only writes its configuration: start.sh render. It works as any user and
# writes only to ROWLOCK_GATEWAY_DIR. nginx resolves names and reads certificates only when it loads its configuration, so this script
# writes addresses and a copy of the certificate, and reloads nginx whenever replicas or the certificate change.
# Invariants: if a name temporarily has no address, its service keeps the previous addresses, and the other services are still
# updated; a reload resolves no names and uses only a certificate that nginx has accepted, so it cannot fail because of either.
#   ROWLOCK_GATEWAY_LISTEN      what nginx's `listen` accepts: a port, ADDRESS:PORT, or unix:PATH
#   ROWLOCK_AUTH_UPSTREAM       HOST:PORT of each auth-service, separated by commas; also ROWLOCK_BOOKING_UPSTREAM and, where there
#                               are such services, ROWLOCK_NOTIFIER_UPSTREAM and ROWLOCK_WEB_UPSTREAM
#   ROWLOCK_TRUSTED_PROXIES     the proxies in front of the gateway
#   ROWLOCK_ALLOWED_ORIGINS     the origins whose web pages may read the gateway's own responses
#   ROWLOCK_TLS_CERTIFICATE     a file with the certificate chain in PEM format. The gateway then serves HTTPS only
#   ROWLOCK_TLS_KEY             a file with the private key of the certificate
#   ROWLOCK_PUBLIC_URL          with a certificate: the URL for visitors, such as https://tickets.example
#   ROWLOCK_REDIRECT_LISTEN     with a certificate: where plain HTTP is redirected to that address
#   ROWLOCK_ACME_FOLDER         a folder with answers to challenges of a certificate authority (ACME, http-01), for that port
#   ROWLOCK_HSTS_SECONDS        how long browsers use HTTPS only; by default a year with a certificate, and not at all without one
set -eu
# A shell that runs as process 1 ignores these signals by default.
trap 'exit 0' TERM QUIT

here=$(dirname -- "$0")
dir=${ROWLOCK_GATEWAY_DIR:-/tmp/gateway}

# shellcheck source=deploy/gateway/settings.sh
. "$here/settings.sh"
proxies=$(rowlock_networks "${ROWLOCK_TRUSTED_PROXIES:-}")
origins=$(rowlock_origins "${ROWLOCK_ALLOWED_ORIGINS:-}")
rowlock_check_tls
certificate=${ROWLOCK_TLS_CERTIFICATE:-} plain='' secure='' http2='' redirect='' acme='' copy='' key='' url=''
hsts=${ROWLOCK_HSTS_SECONDS:-${certificate:+31536000}}
if [ -n "$certificate" ]; then
  copy=$dir/tls/certificate.pem key=$dir/tls/key.pem url=${ROWLOCK_PUBLIC_URL%/}
  redirect=${ROWLOCK_REDIRECT_LISTEN:-} acme=${ROWLOCK_ACME_FOLDER:-}
  # The directive `http2` is new in nginx 1.25.1, and the parameter of `listen` is deprecated since.
  case $(nginx -v 2>&1) in
    *nginx/1.[0-9].* | *nginx/1.1[0-9].* | *nginx/1.2[0-4].* | *nginx/1.25.0*) secure="$ROWLOCK_GATEWAY_LISTEN ssl http2" ;;
    *) secure="$ROWLOCK_GATEWAY_LISTEN ssl" http2=on ;;
  esac
else
  plain=$ROWLOCK_GATEWAY_LISTEN
fi

# addresses LIST: prints the current addresses of each HOST:PORT, each with the port; nothing for a host that has none.
addresses() (
  IFS=,
  for upstream in $1; do
    case ${upstream%:*} in
      *[!0-9.]*)
        found=$(getent ahostsv4 "${upstream%:*}") || continue
        printf '%s\n' "$found" | cut -d' ' -f1 | sort -u | sed "s/\$/:${upstream##*:}/"
        ;;
      *) printf '%s\n' "$upstream" ;;
    esac
  done
)

auth='' booking='' notifier='' web=''
look_up() {
  now=$(addresses "$ROWLOCK_AUTH_UPSTREAM")
  auth=${now:-$auth}
  now=$(addresses "$ROWLOCK_BOOKING_UPSTREAM")
  booking=${now:-$booking}
  now=$(addresses "${ROWLOCK_NOTIFIER_UPSTREAM:-}")
  notifier=${now:-$notifier}
  now=$(addresses "${ROWLOCK_WEB_UPSTREAM:-}")
  web=${now:-$web}
}

# fill_in VALUE…: prints the line once per value, with the value in place of its name.
fill_in() {
  for value in "$@"; do printf '%s%s%s\n' "${line%%"\${"*}" "$value" "${line#*"}"}"; done
}

# render FILE: writes this configuration from its template, with a server for each address.
render() {
  # Addresses contain no spaces, so they can be split there.
  # shellcheck disable=SC2086
  while IFS= read -r line; do
    case $line in
      *"\${ROWLOCK_AUTH_UPSTREAM}"*) fill_in $auth ;;
      *"\${ROWLOCK_BOOKING_UPSTREAM}"*) fill_in $booking ;;
      *"\${ROWLOCK_NOTIFIER_UPSTREAM}"*) fill_in $notifier ;;
      *"\${ROWLOCK_WEB_UPSTREAM}"*) fill_in $web ;;
      *"\${ROWLOCK_TRUSTED_PROXIES}"*) fill_in $proxies ;;
      *"\${ROWLOCK_ALLOWED_ORIGINS}"*) fill_in $origins ;;
      *"\${ROWLOCK_PLAIN_LISTEN}"*) fill_in ${plain:+"$plain"} ;;
      *"\${ROWLOCK_TLS_LISTEN}"*) fill_in ${secure:+"$secure"} ;;
      *"\${ROWLOCK_HTTP2}"*) fill_in $http2 ;;
      *"\${ROWLOCK_REDIRECT_LISTEN}"*) fill_in ${redirect:+"$redirect"} ;;
      *"\${ROWLOCK_TLS_CERTIFICATE}"*) fill_in ${copy:+"$copy"} ;;
      *"\${ROWLOCK_TLS_KEY}"*) fill_in ${key:+"$key"} ;;
      *"\${ROWLOCK_PUBLIC_URL}"*) fill_in ${url:+"$url"} ;;
      *"\${ROWLOCK_ACME_FOLDER}"*) fill_in ${acme:+"$acme"} ;;
      *"\${ROWLOCK_HSTS_SECONDS}"*) fill_in $hsts ;;
      *) printf '%s\n' "$line" ;;
    esac
  done <"$here/$1.template" >"$dir/conf.d/$1.new"
  mv -- "$dir/conf.d/$1.new" "$dir/conf.d/$1"
}

# version: prints what changes with the certificate and its key; nothing without one.
version() { if [ -n "$certificate" ]; then cksum "$certificate" "$ROWLOCK_TLS_KEY" 2>/dev/null || true; fi; }

# accept_certificate: copies the certificate and its key if nginx can use them.
accept_certificate() {
  [ -n "$certificate" ] || return 0
  mkdir -p "$dir/tls"
  (
    umask 077
    cat -- "$certificate" >"$copy.new"
    cat -- "$ROWLOCK_TLS_KEY" >"$key.new"
    cat >"$dir/tls/check.conf" <<CHECK
events {}
http {
  access_log off;
  server { listen unix:$dir/tls/check.sock ssl; ssl_certificate $copy.new; ssl_certificate_key $key.new; }
}
CHECK
  ) || return 1
  nginx -p "$dir/" -c "$dir/tls/check.conf" -e stderr -g 'pid tls/check.pid;' -t -q || return 1
  mv -- "$key.new" "$key"
  mv -- "$copy.new" "$copy"
}

reload() { nginx -p "$dir/" -c nginx.conf -e stderr -g 'pid nginx.pid;' -s reload; }

look_up
if [ -z "$auth" ] || [ -z "$booking" ]; then
  echo "The gateway waits until $ROWLOCK_AUTH_UPSTREAM and $ROWLOCK_BOOKING_UPSTREAM have an address." >&2
  while [ -z "$auth" ] || [ -z "$booking" ]; do
    sleep 1
    look_up
  done
fi
mkdir -p "$dir/conf.d"
cp -- "$here/nginx.conf" "$dir/nginx.conf"
issued=$(version)
if ! accept_certificate; then
  echo "The gateway cannot use the certificate in $certificate with the key in $ROWLOCK_TLS_KEY. Its messages above say why." >&2
  exit 1
fi
render rowlock.conf
rm -f -- "$dir/conf.d/redirect.conf"
[ -z "$redirect" ] || render redirect.conf
[ "${1:-}" != render ] || exit 0
known="$auth $booking $notifier $web"

# Nothing can change if there are neither names nor a certificate.
case $certificate$ROWLOCK_AUTH_UPSTREAM$ROWLOCK_BOOKING_UPSTREAM${ROWLOCK_NOTIFIER_UPSTREAM:-}${ROWLOCK_WEB_UPSTREAM:-} in
  *[!0-9.,:]*)
    # nginx replaces this shell and takes over its process id.
    while sleep 1 && kill -0 $$ 2>/dev/null; do
      look_up
      if [ "$auth $booking $notifier $web" != "$known" ] && render rowlock.conf && reload; then known="$auth $booking $notifier $web"; fi
      now=$(version)
      [ "$now" != "$issued" ] || continue
      issued=$now
      if ! accept_certificate; then
        echo "The gateway keeps its certificate, because the new one cannot be used. The messages above say why." >&2
      elif reload; then
        echo "The gateway uses the new certificate." >&2
      else
        # The next turn of the loop tries again.
        issued=''
      fi
    done &
    ;;
esac

exec nginx -p "$dir/" -c nginx.conf -e stderr -g 'daemon off; pid nginx.pid;'
