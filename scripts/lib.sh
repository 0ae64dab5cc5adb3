# shellcheck shell=bash
# What every script of this folder begins with: strict mode, where things are, and the functions under lib/.
# Source it; it starts nothing by itself.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# All that a running system leaves behind is below STATE. Git ignores it.
STATE=$ROOT/.local
# Names what this checkout keeps outside itself (PostgreSQL's data when root runs it), so that two clones never meet.
CHECKOUT_ID=$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)

# Debian keeps some servers where an ordinary user's PATH does not look.
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
