# shellcheck shell=bash
# Installs packages with apt (see install-packages.sh) and the tools of checks, and finds Rust.

install_packages() {
  local sudo=()
  have apt-get || fail "These are missing, and there is no apt-get to install them: $*. Install them and try again."
  if ! is_root; then
    have sudo || fail "These are missing: $*. Install them, or run this as root or with sudo installed."
    sudo=(sudo)
  fi
  step "Installing $* (their stock servers are not started)"
  mkdir -p "$STATE/log"
  "${sudo[@]}" bash "$ROOT/scripts/install-packages.sh" "$@" >"$STATE/log/install.log" 2>&1 ||
    fail_with_log "Installing $* failed." "$STATE/log/install.log"
}

# need_rust: requires cargo and a C linker, and sets CARGO.
need_rust() {
  have cargo || PATH=$PATH:$HOME/.cargo/bin
  have cargo || fail "Rust is missing. Install it from https://rustup.rs and try again."
  have cc || fail "A C toolchain is missing. Install it with 'apt-get install build-essential' and try again."
}

# need_cargo_tool NAME VERSION [OPTION…]: sets TOOL to this version of a program from crates.io. If the machine lacks it, it is
# built into .local/tools with these options of `cargo install`, which takes some minutes once.
need_cargo_tool() {
  local name=$1 version=$2
  shift 2
  for TOOL in "$STATE/tools/bin/$name" "$name"; do
    case " $("$TOOL" --version 2>/dev/null | head -n 1) " in *[\ v]"$version "*) return 0 ;; esac
  done
  need_rust
  step "Building $name $version (once; this takes some minutes)"
  [ -d "$STATE" ] || mkdir -m 700 "$STATE"
  # The build directory is temporary, regardless of CARGO_TARGET_DIR.
  env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$STATE/tools" "$@" "$name@$version" ||
    fail "$name could not be built; see the messages above. The first build needs network access."
  TOOL=$STATE/tools/bin/$name
}

# need_python_tools NAME REQUIREMENTS: sets PYTHON_BIN to the folder of the programs of these packages from PyPI. They are
# installed into .local/tools once per version of the list.
need_python_tools() {
  local name=$1 requirements=$2 venv
  venv=$STATE/tools/$name-$(sha256sum "$requirements" | cut -c1-12)
  PYTHON_BIN=$venv/bin
  [ ! -e "$venv/complete" ] || return 0
  if ! have python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then install_packages python3 python3-venv; fi
  step "Installing $name (once)"
  [ -d "$STATE" ] || mkdir -m 700 "$STATE"
  rm -rf -- "$venv"
  mkdir -p "$STATE/log" "$STATE/tools"
  { python3 -m venv "$venv" && "$venv/bin/pip" install --disable-pip-version-check -r "$requirements"; } >"$STATE/log/$name.log" 2>&1 ||
    fail_with_log "$name could not be installed. The first installation needs network access." "$STATE/log/$name.log"
  : >"$venv/complete"
}
