#!/usr/bin/env bash
# make docs: builds docs/ as a searchable book in target/book, and checks every link between the files of this checkout and
# inside the book, offline. mdBook and lychee are installed into .local/tools once if the machine lacks these versions; that
# takes some minutes.
#   ROWLOCK_SOURCE_URL  address of the published source, such as https://host/rowlock/blob/main: links from the book to files
#                       outside docs/ point there. Without it, the book names those files without a link.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

PAGES=$ROOT/target/book-source
BOOK=$ROOT/target/book

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
mkdir -p "$ROOT/target"
need_cargo_tool mdbook 0.5.4 --no-default-features --features search
MDBOOK=$TOOL
need_python_tools lychee "$ROOT/scripts/docs/requirements.txt"
LYCHEE=$PYTHON_BIN/lychee
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
