#!/usr/bin/env bash
# make screenshots: takes the pictures of the web site for the documentation (docs/screenshots), from the sample events of `make up`
# on a private system. Look at them before you commit them.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" screenshots
