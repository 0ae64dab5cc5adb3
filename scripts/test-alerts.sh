#!/usr/bin/env bash
# make alerts: checks that deploy/prometheus/alerts.yml is valid and passes deploy/prometheus/alerts.test.yml. promtool is part
# of Debian's Prometheus package; if it is missing, the package is unpacked into .local/tools, so that no server is installed and
# started.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

UNPACKED=$STATE/tools/prometheus
tool=promtool
if ! have promtool; then
  tool=$UNPACKED/usr/bin/promtool
  if [ ! -x "$tool" ]; then
    step "Unpacking promtool (once)"
    [ -d "$STATE" ] || mkdir -m 700 "$STATE"
    rm -rf -- "${UNPACKED:?}"
    mkdir -p "$UNPACKED/package"
    (cd "$UNPACKED/package" && apt-get download -qq prometheus) ||
      fail "Debian's package 'prometheus' cannot be downloaded. Try 'apt-get update', or install promtool in another way."
    dpkg -x "$UNPACKED"/package/*.deb "$UNPACKED"
    rm -rf -- "$UNPACKED/package"
  fi
fi
cd "$ROOT/deploy/prometheus"
"$tool" check rules alerts.yml
exec "$tool" test rules alerts.test.yml
