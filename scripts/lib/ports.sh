# shellcheck shell=bash
# Ports on 127.0.0.1. Ours lie below 32768, where the kernel does not pick ports for outgoing connections.

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port_closed() { ! port_open "$1"; }

# next_free_port PORT: the first port from PORT on at which nobody listens.
next_free_port() {
  local port=$1
  while port_open "$port"; do port=$((port + 1)); done
  printf '%s' "$port"
}

# next_free_block PORT COUNT: the first port from PORT on that begins COUNT free ones.
next_free_block() {
  local first=$1 port=$1
  while [ $((port - first)) -lt "$2" ]; do
    if port_open "$port"; then first=$((port + 1)); fi
    port=$((port + 1))
  done
  printf '%s' "$first"
}
