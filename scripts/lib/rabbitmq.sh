# shellcheck shell=bash
# A private RabbitMQ node with its own home, cookie, epmd and ports on 127.0.0.1, independent of other servers on the machine.

# rmq_settings DIR PORT DIST_PORT EPMD_PORT TOOLS_PORT: sets RMQ_ENV to the environment in which the node and its tools find each
# other. The tools listen on TOOLS_PORT and the four ports after it.
rmq_settings() {
  local dir=$1
  RMQ_PORT=$2 RMQ_EPMD_PORT=$4
  RMQ_ENV=(
    "PATH=$PATH" "HOME=$dir" LANG=C.UTF-8
    "ERL_EPMD_PORT=$4" ERL_EPMD_ADDRESS=127.0.0.1
    RABBITMQ_NODENAME=rowlock@localhost
    "RABBITMQ_NODE_PORT=$2" "RABBITMQ_DIST_PORT=$3"
    "RABBITMQ_CTL_DIST_PORT_MIN=$5" "RABBITMQ_CTL_DIST_PORT_MAX=$(($5 + 4))"
    "RABBITMQ_MNESIA_BASE=$dir/data" "RABBITMQ_LOG_BASE=$dir/log" RABBITMQ_LOGS=-
    "RABBITMQ_PID_FILE=$dir/node.pid" "RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins"
    "RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf" "RABBITMQ_CONF_ENV_FILE=$dir/rabbitmq-env.conf"
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}"
    # Makes the start script exec the node instead of supervising it, so that the recorded pid is that of the node.
    RUNNING_UNDER_SYSTEMD=true
  )
}

# rmq_launch NAME DIR PASSWORD_FILE: starts the node. The user is rowlock; its password is set when the data is created.
rmq_launch() {
  local name=$1 dir=$2 password_file=$3
  mkdir -p "$dir/data" "$dir/log"
  : >"$dir/rabbitmq-env.conf"
  printf '[].\n' >"$dir/enabled_plugins"
  write_private "$dir/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$RMQ_PORT
default_user = rowlock
default_pass = $(cat "$password_file")
log.console.level = info
CONF
  launch "$name" env -i -C "$dir" "${RMQ_ENV[@]}" "$(rabbitmq_bindir)/rabbitmq-server"
}

# rmq_wait NAME: waits until the node accepts connections, which it does last.
rmq_wait() {
  wait_until 90 rmq_answers_or_dead "$1" || fail_with_log "RabbitMQ does not answer after 90 seconds." "$(log_file "$1")"
  alive "$1" || fail_with_log "RabbitMQ could not be started." "$(log_file "$1")"
}
rmq_answers_or_dead() { ! alive "$1" || port_open "$RMQ_PORT"; }

# Stops the node and then its epmd, which would outlive it. epmd refuses to stop while another node is registered.
rmq_stop() {
  stop_process "$1" TERM 60
  env -i "${RMQ_ENV[@]}" epmd -port "$RMQ_EPMD_PORT" -kill >/dev/null 2>&1 || true
}
