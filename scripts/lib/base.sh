# shellcheck shell=bash
# Messages to the user, waiting with a deadline, and secrets.

say() { printf '%s\n' "$*"; }
step() { printf '  %s\n' "$*"; }
# Ends the script with a sentence that says what is wrong.
fail() {
  printf '\nrowlock: %s\n' "$*" >&2
  exit 1
}

# fail_with_log SENTENCE LOGFILE: like fail, and prints the last lines of a log.
fail_with_log() {
  printf '\nrowlock: %s\n' "$1" >&2
  if [ -s "$2" ]; then
    printf 'The last lines of %s:\n' "$2" >&2
    tail -n 15 -- "$2" | sed 's/^/    /' >&2
  fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# wait_until SECONDS COMMAND…: repeats the command until it succeeds; fails at the deadline.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

random_secret() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# write_private FILE: atomically writes stdin to FILE, readable only by its owner.
write_private() {
  mkdir -p "$(dirname -- "$1")"
  (umask 077 && cat >"$1.new")
  mv -f -- "$1.new" "$1"
}

# secret_file FILE: creates FILE with a random secret unless it exists.
secret_file() { [ -s "$1" ] || random_secret | write_private "$1"; }

# Only one script at a time may change what runs in this checkout. The lock is released when the script ends.
take_lock() {
  [ -d "$STATE" ] || mkdir -m 700 "$STATE"
  [ -w "$STATE" ] || fail "$STATE belongs to $(stat -c %U "$STATE"). Run this as that user."
  exec 9>"$STATE/lock"
  flock -n 9 || fail "Another 'make up', 'make down' or 'make reset' is at work in this checkout. Wait until it has ended."
}
