#!/usr/bin/env bash
# make backup: writes all databases and the secrets needed to read them to one folder, while the system keeps running.
#   backup.sh [FOLDER]           a folder that does not exist yet; by default one named after the time, in backups/
#   ROWLOCK_DATABASE_URL         the server to back up, instead of this checkout's, as a user who may read all of them
#   ROWLOCK_ENCRYPTION_KEY_FILE  a file with auth-service's keys.encryption_key; not needed for this checkout's system
#   ROWLOCK_SEALING_KEY_FILE     the same for sealing.key of auth-service, booking-service and notifier
# Only its owner can read the folder, because its content suffices to sign tokens and to read all names and addresses.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" backup "$@"
