#!/bin/sh
# Generates the secrets of the compose setup in the volume /secrets. Existing secrets are kept. Also creates the folder for mails in
# the volume /mail.
# Invariant: every container finds its secrets in its own folder and cannot read any other folder, because each runs as a
# different user. At the first start, values in .env are used instead of random ones.
set -eu
umask 077
cd /secrets
chmod 755 .
mkdir -p master

# secret NAME VALUE [LENGTH]: creates a secret with this value, of at least this length, or else a random one. Keeps an existing
# secret.
secret() {
  [ ! -s "master/$1" ] || return 0
  case $2 in
    *[!A-Za-z0-9._~-]*)
      echo "The secret for '$1' in .env may contain only letters, digits and . _ ~ -, because it becomes part of a URL." >&2
      exit 1
      ;;
  esac
  if [ -n "$2" ] && [ ${#2} -lt "${3:-1}" ]; then
    echo "The secret for '$1' in .env must have at least $3 characters." >&2
    exit 1
  fi
  printf '%s' "${2:-$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')}" >"master/$1.new"
  mv "master/$1.new" "master/$1"
}
of() { cat "master/$1"; }

secret postgres "${ROWLOCK_POSTGRES_PASSWORD:-}"
secret rabbitmq "${ROWLOCK_RABBITMQ_PASSWORD:-}"
secret encryption-key "${ROWLOCK_ENCRYPTION_KEY:-}" 32
secret web-session-key "${ROWLOCK_WEB_SESSION_KEY:-}" 32
secret sealing-key "${ROWLOCK_SEALING_KEY:-}" 32
secret bootstrap-token "${ROWLOCK_BOOTSTRAP_TOKEN:-}" 16
secret admin-password "${ROWLOCK_ADMIN_PASSWORD:-}" 8
secret grafana "${ROWLOCK_GRAFANA_PASSWORD:-}" 8
roles='rowlock_auth_owner rowlock_auth rowlock_booking_owner rowlock_booking rowlock_notifier_owner rowlock_notifier'
for role in $roles; do secret "$role" ''; done

# give FOLDER NAME VALUE
give() {
  mkdir -p "$1"
  printf '%s' "$3" >"$1/$2"
}
database() { printf 'postgres://%s:%s@postgres:5432/%s' "$1" "$(of "$1")" "$2"; }
amqp=amqp://rowlock:$(of rabbitmq)@rabbitmq:5672/%2f

give postgres password "$(of postgres)"
give rabbitmq password "$(of rabbitmq)"
give databases url "postgres://postgres:$(of postgres)@postgres:5432/postgres"
for role in $roles; do give databases "$role" "$(of "$role")"; done
for folder in auth-service auth-migrate create-admin; do
  give "$folder" database-url "$(database rowlock_auth rowlock_auth)"
  give "$folder" encryption-key "$(of encryption-key)"
done
give web session-key "$(of web-session-key)"
give auth-service bootstrap-token "$(of bootstrap-token)"
give auth-migrate migration-url "$(database rowlock_auth_owner rowlock_auth)"
give create-admin password "$(of admin-password)"
for folder in booking-service booking-migrate reallocation-worker; do
  give "$folder" database-url "$(database rowlock_booking rowlock_booking)"
  give "$folder" amqp-url "$amqp"
done
for folder in notifier notifier-migrate; do
  give "$folder" database-url "$(database rowlock_notifier rowlock_notifier)"
done
for folder in auth-service notifier; do
  give "$folder" amqp-url "$amqp"
done
for folder in auth-service booking-service notifier; do
  give "$folder" sealing-key "$(of sealing-key)"
done
# Unlike the other secrets, the value in .env replaces it at every start.
give notifier smtp-password "${ROWLOCK_SMTP_PASSWORD:-}"
give notifier-migrate migration-url "$(database rowlock_notifier_owner rowlock_notifier)"
give booking-migrate migration-url "$(database rowlock_booking_owner rowlock_booking)"
give grafana password "$(of grafana)"
give observability grafana-password "$(of grafana)"

# mail_folder: prints the folder whose mails web shows to everybody at /dev/mail, with the links that reset passwords. Prints nothing
# if there is an SMTP server, or if the site may be reachable from other machines.
mail_folder() {
  [ -z "${ROWLOCK_SMTP_HOST:-}" ] || return 0
  case ${ROWLOCK_BIND:-127.0.0.1} in 127.* | localhost | ::1 | '[::1]') ;; *) return 0 ;; esac
  case ${ROWLOCK_PUBLIC_URL:-http://localhost} in
    http://localhost | http://localhost[:/]* | http://127.0.0.1 | http://127.0.0.1[:/]*) printf /mail/out ;;
  esac
}
give web mail-folder "$(mail_folder)"
# notifier writes its mails here if it has no SMTP server, and web's group may read them.
[ -d /mail/out ] || mkdir -m 750 /mail/out
chown 10006:10005 /mail/out

# The user ids are those of the Dockerfile, docker-compose.yml and Grafana's image. PostgreSQL's and RabbitMQ's images read
# their files as root.
chown -R 10001:10001 auth-service
chown -R 10002:10002 booking-service
chown -R 10003:10003 reallocation-worker
chown -R 10005:10005 web
chown -R 10006:10006 notifier
chown -R 10011:10011 auth-migrate
chown -R 10012:10012 booking-migrate
chown -R 10013:10013 notifier-migrate
chown -R 10021:10021 create-admin
chown -R 10022:10022 databases
chown -R 472:0 grafana
