# shellcheck shell=bash
# Common prelude of the scripts in this folder: strict mode, paths, and the functions under lib/.
# Source it; it starts nothing by itself.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# Everything that a running system leaves behind is below STATE, which Git ignores.
STATE=$ROOT/.local

# Debian installs some servers outside the PATH of ordinary users.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# shellcheck source=scripts/lib/base.sh
. "$ROOT/scripts/lib/base.sh"
# shellcheck source=scripts/lib/install.sh
. "$ROOT/scripts/lib/install.sh"
