#!/usr/bin/env bash
# make test-web: tests the web site in Chromium, which Playwright drives: the stories of buyers and organizers, also without
# JavaScript and by keyboard alone, accessibility (axe), small screens, forms that are sent twice and lost connections, and attacks. It starts a
# private system for this run and removes it afterwards. Arguments are options of Playwright, such as part of a file name:
#   scripts/test-web.sh keyboard
# Pictures and traces of failures are in target/test-web; `npx playwright show-trace FILE` shows a trace.
#   ROWLOCK_BIN_DIR  the services to test, instead of a debug build
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" test-web "$@"
