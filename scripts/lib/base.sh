# shellcheck shell=bash
# Messages to the user.

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
