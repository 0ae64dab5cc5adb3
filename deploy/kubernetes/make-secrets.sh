#!/usr/bin/env bash
# Writes the Secrets of a new installation to standard output, with random passwords and keys, for kubectl:
#   deploy/kubernetes/make-secrets.sh | kubectl create -n rowlock -f -
# Use `create`, not `apply`: it refuses to replace existing Secrets. With another encryption key, stored data could not be
# decrypted. ROWLOCK_ENCRYPTION_KEY, ROWLOCK_WEB_SESSION_KEY, ROWLOCK_SEALING_KEY and ROWLOCK_ADMIN_PASSWORD replace the random values.
# ROWLOCK_SMTP_PASSWORD is the password of the SMTP server, none by default.
# Invariant: each pod has its own Secret with only what it needs. CloudNativePG reads the Secrets of the database roles.
set -euo pipefail

random() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# taken VALUE LENGTH NAME: prints the value if it is long enough and needs no escaping in YAML or in a URL.
taken() {
  if [ ${#1} -lt "$2" ] || [[ $1 == *[!A-Za-z0-9._~-]* ]]; then
    echo "make-secrets.sh: $3 must have at least $2 characters and contain only letters, digits and . _ ~ -." >&2
    exit 1
  fi
  printf '%s' "$1"
}
session_key=$(taken "${ROWLOCK_WEB_SESSION_KEY:-$(random)}" 32 ROWLOCK_WEB_SESSION_KEY)
encryption_key=$(taken "${ROWLOCK_ENCRYPTION_KEY:-$(random)}" 32 ROWLOCK_ENCRYPTION_KEY)
sealing_key=$(taken "${ROWLOCK_SEALING_KEY:-$(random)}" 32 ROWLOCK_SEALING_KEY)
admin_password=$(taken "${ROWLOCK_ADMIN_PASSWORD:-$(random)}" 8 ROWLOCK_ADMIN_PASSWORD)

# secret NAME TYPE KEY VALUE [KEY VALUE]…: prints a Secret.
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  labels: {app.kubernetes.io/part-of: rowlock}\ntype: %s\nstringData:\n' "$1" "$2"
  shift 2
  while [ $# -gt 0 ]; do
    printf "  %s: '%s'\n" "$1" "${2//\'/\'\'}"
    shift 2
  done
}

declare -A password
for role in rowlock_auth_owner rowlock_auth rowlock_booking_owner rowlock_booking rowlock_notifier_owner rowlock_notifier; do
  password[$role]=$(random)
  secret "${role//_/-}" kubernetes.io/basic-auth username "$role" password "${password[$role]}"
done
# url ROLE DATABASE: prints the URL of a database.
url() { printf 'postgres://%s:%s@rowlock-postgres-rw:5432/%s' "$1" "${password[$1]}" "$2"; }
auth=$(url rowlock_auth rowlock_auth)
booking=$(url rowlock_booking rowlock_booking)
notifier=$(url rowlock_notifier rowlock_notifier)

secret auth-service Opaque database-url "$auth" encryption-key "$encryption_key" sealing-key "$sealing_key"
secret auth-migrate Opaque database-url "$auth" migration-url "$(url rowlock_auth_owner rowlock_auth)"
secret create-admin Opaque database-url "$auth" password "$admin_password"
secret booking-service Opaque database-url "$booking" sealing-key "$sealing_key"
secret booking-migrate Opaque database-url "$booking" migration-url "$(url rowlock_booking_owner rowlock_booking)"
secret reallocation-worker Opaque database-url "$booking"
secret notifier Opaque database-url "$notifier" sealing-key "$sealing_key" smtp-password "${ROWLOCK_SMTP_PASSWORD:-}"
secret notifier-migrate Opaque database-url "$notifier" migration-url "$(url rowlock_notifier_owner rowlock_notifier)"
secret web Opaque session-key "$session_key"
