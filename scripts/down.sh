#!/usr/bin/env bash
# make down: stops what make up has started in this checkout, and nothing else. Data is kept.
exec "$(dirname -- "${BASH_SOURCE[0]}")/xtask.sh" down
