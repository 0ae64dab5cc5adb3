#!/usr/bin/env bash
# make test-docs: runs the shell commands of the documentation against a private system that is started for this run. It runs
# every fenced block of language sh in README.md, CONTRIBUTING.md and docs/, in one bash per page. The pages state what they
# expect in HTML comments, which readers do not see:
#   <!-- not run: REASON -->  the block after this line is not run
#   <!-- refused: 409 … -->   the page's curl calls with statuses other than 2xx, in their order; by default there are none
#   <!-- prints: TEXT -->     the output of the page contains this text, regardless of case
# ROWLOCK_BIN_DIR names a folder with the services and rowlockctl, instead of a debug build.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" test-docs
