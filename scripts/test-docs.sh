#!/usr/bin/env bash
# make test-docs: runs the shell commands of the documentation against a private system that is started for this run. It runs
# every fenced block of language sh in README.md, CONTRIBUTING.md and docs/, in one bash per page. The pages state what they
# expect in HTML comments, which readers do not see:
#   <!-- not run: REASON -->  the block after this line is not run
#   <!-- refused: 409 … -->   the page's curl calls with statuses other than 2xx, in their order; by default there are none
#   <!-- prints: TEXT -->     the output of the page contains this text, regardless of case
# ROWLOCK_BIN_DIR names a folder with the services and rowlockctl, instead of a debug build.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/lib/test-servers.sh
. "$ROOT/scripts/lib/test-servers.sh"
# shellcheck source=scripts/lib/test-system.sh
. "$ROOT/scripts/lib/test-system.sh"
unset ROWLOCK_DATABASE_URL ROWLOCK_AMQP_URL ROWLOCK_URL

OUT=$ROOT/target/test-docs
# Maximum time for the commands of one page, in seconds.
LIMIT=120

# shell_blocks FILE: prints the blocks to run, each after its line number.
shell_blocks() {
  awk '
    /^```/ && !inside { inside = 1; run = $0 == "```sh" && before !~ /^<!-- not run: .+ -->$/; if (run) printf "# line %d\n", NR; next }
    /^```/ { inside = 0; run = 0; before = ""; next }
    run { print }
    !inside { before = $0 }
  ' "$1"
}
expected() { sed -n -E "s/^<!-- $1: (.*) -->\$/\\1/p" "$2"; }

# make_folder: creates the folder that the commands use as the checkout, and a curl that records the status of each response.
make_folder() {
  mkdir -p "$WORK/checkout/.local" "$WORK/home" "$WORK/bin"
  ln -s "$SECRETS" "$WORK/checkout/.local/secrets"
  jq -n --arg email "$ADMIN_EMAIL" --arg password "$PASSWORD" '{email: $email, password: $password}' |
    write_private "$WORK/checkout/.local/admin-login.json"
  printf '#!/bin/sh\nexec %s --noproxy localhost,127.0.0.1 -w "%%{stderr}%%{http_code}\\n" "$@" 2>>"%s"\n' "$(command -v curl)" "$WORK/statuses" >"$WORK/bin/curl"
  chmod +x "$WORK/bin/curl"
}

# run_page FILE: runs its blocks and compares the result with what the page expects.
run_page() {
  local page=$1 log text refused
  log=$OUT/$(tr / - <<<"${page%.md}").log
  shell_blocks "$ROOT/$page" >"$WORK/commands"
  [ -s "$WORK/commands" ] || return 0
  step "Running the commands of $page"
  : >"$WORK/statuses"
  if ! (cd "$WORK/checkout" && env -i HOME="$WORK/home" PATH="$WORK/bin:$BIN_DIR:$PATH" ROWLOCK_URL="$API_URL" \
    timeout "$LIMIT" bash -euo pipefail "$WORK/commands" >"$log" 2>&1 </dev/null); then
    tail -n 20 "$log" "$WORK/statuses" >&2
    say "The commands of $page failed (or took more than $LIMIT seconds). The output is in $log."
    return 1
  fi
  refused=$(grep -v '^2' "$WORK/statuses" | tr '\n' ' ' | sed 's/ $//') || true
  if [ "$refused" != "$(expected refused "$page")" ]; then
    say "$page: the statuses other than 2xx are '$refused' and not '$(expected refused "$page")'. The output is in $log."
    return 1
  fi
  while IFS= read -r text; do
    if ! grep -qiF -- "$text" "$log"; then
      say "$page: the output does not contain: $text. The output is in $log."
      return 1
    fi
  done < <(expected prints "$page")
}

cd "$ROOT"
pages=(README.md CONTRIBUTING.md docs/*.md docs/decisions/*.md)
! grep -nE '^```(bash|shell)' "${pages[@]}" || fail "Shell blocks are marked sh, so that they are run; see the lines above."
WORK=$(mktemp -d)
trap 'rm -rf -- "$WORK"' EXIT
trap 'exit 130' INT TERM HUP
ADMIN_EMAIL=root@example.org
PASSWORD=$(random_secret | cut -c1-20)
start_system
if [ -z "${ROWLOCK_BIN_DIR:-}" ]; then
  cargo build --quiet --locked -p rowlockctl || fail "The build of rowlockctl failed. The compiler's messages above say why."
fi
make_folder
rm -rf -- "${OUT:?}"
mkdir -p "$OUT"
failed=0
for page in "${pages[@]}"; do run_page "$page" || failed=1; done
[ "$failed" = 0 ] || fail "The documentation and the system disagree; see above."
say "All commands of the documentation work."
