# shellcheck shell=bash
# Ports on 127.0.0.1. Rowlock's ports are below 32768, where the kernel does not allocate ports for outgoing connections.

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port_closed() { ! port_open "$1"; }

# next_free_port PORT: prints the first free port from PORT on.
next_free_port() {
  local port=$1
  while port_open "$port"; do port=$((port + 1)); done
  printf '%s' "$port"
}

# next_free_block PORT COUNT: prints the first port from PORT on that starts COUNT free ports.
next_free_block() {
  local first=$1 port=$1
  while [ $((port - first)) -lt "$2" ]; do
    if port_open "$port"; then first=$((port + 1)); fi
    port=$((port + 1))
  done
  printf '%s' "$first"
}
