# shellcheck shell=bash
# Background processes, each identified by a name. A pid file contains the pid, the start time of the process and the boot id, so
# that a process that reuses the pid is never mistaken for ours, let alone killed. PARTS_DIR contains the pid files, logs and
# stamps.

pid_file() { printf '%s/pid/%s' "$PARTS_DIR" "$1"; }
log_file() { printf '%s/log/%s.log' "$PARTS_DIR" "$1"; }
stamp_file() { printf '%s/stamp/%s' "$PARTS_DIR" "$1"; }

# process_birth PID: prints what distinguishes this process from a later one with the same pid; fails if there is no such
# process.
process_birth() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field is a name in parentheses that may contain spaces; the text after it starts with field 3, the state.
  read -ra fields <<<"${stat##*) }"
  [ "${fields[0]}" != Z ] || return 1
  printf '%s %s' "${fields[19]}" "$(cat /proc/sys/kernel/random/boot_id)"
}

# pid_of NAME: prints the pid if this very process is still alive.
pid_of() {
  local pid birth
  read -r pid birth 2>/dev/null <"$(pid_file "$1")" || return 1
  [ "$(process_birth "$pid")" = "$birth" ] || return 1
  printf '%s' "$pid"
}

alive() { pid_of "$1" >/dev/null; }

# end_orphans NAME: ends processes that outlived their parent, such as nginx's workers, which keep the port. They share its
# session, and as long as one of them lives, the kernel does not reuse its pid, which is the session id.
end_orphans() {
  local leader born boot orphan
  read -r leader born boot 2>/dev/null <"$(pid_file "$1")" || return 0
  [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 0
  # The pid is in use: by the process itself, or by a later one.
  ! process_birth "$leader" >/dev/null || return 0
  for orphan in $(session_members "$leader" "$born"); do kill -s TERM "$orphan" 2>/dev/null || true; done
  wait_until 5 no_session "$leader" "$born" && return 0
  for orphan in $(session_members "$leader" "$born"); do kill -s KILL "$orphan" 2>/dev/null || true; done
}
no_session() { [ -z "$(session_members "$@")" ]; }

# session_members SESSION BORN: prints the live processes of a session that are not older than its leader.
session_members() {
  local file stat fields
  for file in /proc/[0-9]*/stat; do
    { read -r stat <"$file"; } 2>/dev/null || continue
    read -ra fields <<<"${stat##*) }"
    if [ "${fields[3]}" = "$1" ] && [ "${fields[0]}" != Z ] && [ "${fields[19]}" -ge "$2" ]; then printf '%s\n' "${stat%% *}"; fi
  done
}

# launch NAME COMMAND…: starts the command in a new session and appends its output to the log of that name.
launch() {
  local name=$1 pid
  shift
  end_orphans "$name"
  mkdir -p "$PARTS_DIR/pid" "$PARTS_DIR/log" "$PARTS_DIR/stamp"
  # The started processes must not inherit the lock (file descriptor 9).
  setsid "$@" >>"$(log_file "$name")" 2>&1 </dev/null 9>&- &
  pid=$!
  disown "$pid"
  printf '%s %s\n' "$pid" "$(process_birth "$pid" || printf 'gone')" | write_private "$(pid_file "$name")"
}

# stop_process NAME SIGNAL SECONDS: sends the signal, and kills the process if it has not exited at the deadline.
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

# A stamp identifies the program and settings with which a process was started.
# same_stamp NAME STAMP: succeeds if the process runs and was started with this stamp.
same_stamp() { alive "$1" && [ "$(cat "$(stamp_file "$1")" 2>/dev/null)" = "$2" ]; }
set_stamp() { printf '%s\n' "$2" | write_private "$(stamp_file "$1")"; }
