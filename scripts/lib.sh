# shellcheck shell=bash
# Common prelude of the scripts in this folder: strict mode, paths, and the functions under lib/.
# Source it; it starts nothing by itself.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# Everything that a running system leaves behind is below STATE, which Git ignores.
STATE=$ROOT/.local
# Names the data that this checkout keeps elsewhere (PostgreSQL's when run by root), so that two clones never share any.
CHECKOUT_ID=$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)

# Debian installs some servers outside the PATH of ordinary users.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# shellcheck source=scripts/lib/base.sh
. "$ROOT/scripts/lib/base.sh"
# shellcheck source=scripts/lib/process.sh
. "$ROOT/scripts/lib/process.sh"
# shellcheck source=scripts/lib/ports.sh
. "$ROOT/scripts/lib/ports.sh"
# shellcheck source=scripts/lib/install.sh
. "$ROOT/scripts/lib/install.sh"
# shellcheck source=scripts/lib/postgres.sh
. "$ROOT/scripts/lib/postgres.sh"
# shellcheck source=scripts/lib/rabbitmq.sh
. "$ROOT/scripts/lib/rabbitmq.sh"
# shellcheck source=scripts/lib/gateway.sh
. "$ROOT/scripts/lib/gateway.sh"
# shellcheck source=scripts/lib/system.sh
. "$ROOT/scripts/lib/system.sh"
# shellcheck source=scripts/lib/api.sh
. "$ROOT/scripts/lib/api.sh"
