# shellcheck shell=bash
# Finds the required programs, and installs missing ones with apt (see install-packages.sh).

POSTGRES_OLDEST=15

# postgres_bindir [MAJOR]: prints the folder of PostgreSQL's programs of that version, or else of the newest supported one.
# shellcheck disable=SC2120
postgres_bindir() {
  local dir major best='' best_major=0
  for dir in "$(dirname -- "$(readlink -f -- "$(command -v postgres || printf /nowhere/postgres)")")" /usr/lib/postgresql/*/bin; do
    [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] || continue
    major=$("$dir/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    [ "$major" -ge "$POSTGRES_OLDEST" ] || continue
    [ -z "${1:-}" ] || [ "$major" = "$1" ] || continue
    [ "$major" -gt "$best_major" ] || continue
    best=$dir best_major=$major
  done
  [ -n "$best" ] && printf '%s' "$best"
}

# rabbitmq_bindir: prints the folder of RabbitMQ's own programs, which run as the calling user. Those in /usr/sbin are wrappers
# that switch the user.
rabbitmq_bindir() {
  local dir
  for dir in /usr/lib/rabbitmq/bin "$(dirname -- "$(readlink -f -- "$(command -v rabbitmq-server || printf /nowhere/x)")")"; do
    if [ -x "$dir/rabbitmq-server" ] && [ -e "$dir/rabbitmq-env" ]; then
      printf '%s' "$dir"
      return 0
    fi
  done
  return 1
}

# need_tools [postgres] [rabbitmq] [nginx]: installs missing tools; the small ones always, the servers only if named.
need_tools() {
  local packages=() what
  have curl || packages+=(curl)
  have jq || packages+=(jq)
  have psql || packages+=(postgresql-client)
  have setpriv && have setsid && have flock || packages+=(util-linux)
  for what in "$@"; do
    case $what in
      postgres) postgres_bindir "" >/dev/null || packages+=(postgresql) ;;
      rabbitmq) rabbitmq_bindir >/dev/null || packages+=(rabbitmq-server) ;;
      nginx) have nginx || packages+=(nginx) ;;
    esac
  done
  [ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
  for what in "$@"; do
    case $what in
      postgres) postgres_bindir "" >/dev/null || fail "PostgreSQL $POSTGRES_OLDEST or newer is needed, and this system's packages do not have it. See https://wiki.postgresql.org/wiki/Apt, or give a server with ROWLOCK_DATABASE_URL." ;;
      rabbitmq) rabbitmq_bindir >/dev/null || fail "RabbitMQ was not found after its installation. Give a server with ROWLOCK_AMQP_URL." ;;
      nginx) have nginx || fail "nginx was not found after its installation." ;;
    esac
  done
}

install_packages() {
  local sudo=()
  have apt-get || fail "These are missing, and there is no apt-get to install them: $*. Install them and try again."
  if ! is_root; then
    have sudo || fail "These are missing: $*. Install them, or run this as root or with sudo installed."
    sudo=(sudo)
  fi
  step "Installing $* (their stock servers are not started)"
  mkdir -p "$STATE/log"
  "${sudo[@]}" bash "$ROOT/scripts/install-packages.sh" "$@" >"$STATE/log/install.log" 2>&1 ||
    fail_with_log "Installing $* failed." "$STATE/log/install.log"
}

# need_rust: requires cargo and a C linker, and sets CARGO.
need_rust() {
  have cargo || PATH=$PATH:$HOME/.cargo/bin
  have cargo || fail "Rust is missing. Install it from https://rustup.rs and try again."
  have cc || fail "A C toolchain is missing. Install it with 'apt-get install build-essential' and try again."
}
