#!/usr/bin/env bash
# make restore: restores the databases from a folder that backup.sh has created, and checks them with 'booking-service audit'.
#   restore.sh FOLDER
#   ROWLOCK_DATABASE_URL    the server to restore to, instead of this checkout's, as a user who may create roles and databases
#   ROWLOCK_ROLE_PASSWORDS  a folder with the passwords of the roles (see databases.sh); not needed for this checkout's
#                           system. Without it, the roles must exist, and they keep their passwords
#   OVERWRITE=yes           deletes databases that already have tables
#   ROWLOCK_BIN_DIR         a folder with a built booking-service, instead of building it
# For this checkout's system, it stops the services first, and also restores the keys and the administrator's login.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" restore "$@"
