# shellcheck shell=bash
# Programs in the background, each known by a name. A pid file holds the pid, the time the process started and the boot
# it belongs to, so that a pid that has been given to another program is never taken for ours, let alone killed.
# PARTS_DIR is the folder of the pid files, logs and stamps.

pid_file() { printf '%s/pid/%s' "$PARTS_DIR" "$1"; }
log_file() { printf '%s/log/%s.log' "$PARTS_DIR" "$1"; }
stamp_file() { printf '%s/stamp/%s' "$PARTS_DIR" "$1"; }

# process_birth PID: prints what tells this process from a later one with the same pid; fails when there is none.
process_birth() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field is a name in parentheses that may hold spaces; what follows begins with field 3, the state.
  read -ra fields <<<"${stat##*) }"
  [ "${fields[0]}" != Z ] || return 1
  printf '%s %s' "${fields[19]}" "$(cat /proc/sys/kernel/random/boot_id)"
}

# pid_of NAME: prints the pid if that very process still lives.
pid_of() {
  local pid birth
  read -r pid birth 2>/dev/null <"$(pid_file "$1")" || return 1
  [ "$(process_birth "$pid")" = "$birth" ] || return 1
  printf '%s' "$pid"
}

alive() { pid_of "$1" >/dev/null; }

# end_orphans NAME: ends what a part has left behind that died without its children (nginx's workers keep the port).
# They share its session, and while one of them lives its pid, which names the session, is given to nobody else.
end_orphans() {
  local leader born boot orphan
  read -r leader born boot 2>/dev/null <"$(pid_file "$1")" || return 0
  [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 0
  # Somebody has that pid: the part itself, or another program after it.
  ! process_birth "$leader" >/dev/null || return 0
  for orphan in $(session_members "$leader" "$born"); do kill -s TERM "$orphan" 2>/dev/null || true; done
  wait_until 5 no_session "$leader" "$born" && return 0
  for orphan in $(session_members "$leader" "$born"); do kill -s KILL "$orphan" 2>/dev/null || true; done
}
no_session() { [ -z "$(session_members "$@")" ]; }

# session_members SESSION BORN: the live processes of that session which are not older than its leader was.
session_members() {
  local file stat fields
  for file in /proc/[0-9]*/stat; do
    { read -r stat <"$file"; } 2>/dev/null || continue
    read -ra fields <<<"${stat##*) }"
    if [ "${fields[3]}" = "$1" ] && [ "${fields[0]}" != Z ] && [ "${fields[19]}" -ge "$2" ]; then printf '%s\n' "${stat%% *}"; fi
  done
}

# launch NAME COMMAND…: starts the command in a session of its own, with its output added to the log of that name.
launch() {
  local name=$1 pid
  shift
  end_orphans "$name"
  mkdir -p "$PARTS_DIR/pid" "$PARTS_DIR/log" "$PARTS_DIR/stamp"
  # The lock (9) must not live on in what we start, nor in what that starts.
  setsid "$@" >>"$(log_file "$name")" 2>&1 </dev/null 9>&- &
  pid=$!
  disown "$pid"
  printf '%s %s\n' "$pid" "$(process_birth "$pid" || printf 'gone')" | write_private "$(pid_file "$name")"
}

# stop_process NAME SIGNAL SECONDS: asks it to stop, and ends it the hard way when the time is over.
stop_process() {
  local name=$1 signal=$2 seconds=$3 pid
  if pid=$(pid_of "$name"); then
    kill -s "$signal" "$pid" 2>/dev/null || true
    if ! wait_until "$seconds" not_alive "$name"; then
      say "  $name did not stop within $seconds seconds and was ended the hard way."
      kill -s KILL "$pid" 2>/dev/null || true
      wait_until 10 not_alive "$name" || say "  $name (pid $pid) cannot be ended."
    fi
  fi
  end_orphans "$name"
  rm -f -- "$(pid_file "$name")" "$(stamp_file "$name")"
}
not_alive() { ! alive "$1"; }

# A stamp says with what a part was started (its program and its settings).
# same_stamp NAME STAMP: whether it runs and was started with just that.
same_stamp() { alive "$1" && [ "$(cat "$(stamp_file "$1")" 2>/dev/null)" = "$2" ]; }
set_stamp() { printf '%s\n' "$2" | write_private "$(stamp_file "$1")"; }
