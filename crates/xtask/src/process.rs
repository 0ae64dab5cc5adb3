//! Background processes, each identified by a name.
//!
//! A pid file contains the pid, the start time of the process and the boot id, so that a process that reuses the pid is never
//! mistaken for ours, let alone killed.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    failure::{Failure, Result},
    files,
    shell::{append_to, step, wait_until},
};

/// The facts that distinguish a process from a later one with the same pid.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Birth {
    /// Clock ticks since the machine started.
    started: u64,
    boot: String,
}

/// The fields of `/proc/PID/stat` that are needed here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    pid: i32,
    zombie: bool,
    session: i32,
    started: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The second field is a name in parentheses that may contain spaces and parentheses; the text after it starts with the state.
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        Some(Self {
            pid: before.split(' ').next()?.parse().ok()?,
            zombie: *fields.first()? == "Z",
            session: fields.get(3)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

fn boot_id() -> String {
    files::read_note(Path::new("/proc/sys/kernel/random/boot_id")).unwrap_or_default()
}

/// Returns when a process was started; `None` if there is no such process.
fn birth(pid: i32) -> Option<Birth> {
    let stat = Stat::of(pid).filter(|stat| !stat.zombie)?;
    Some(Birth { started: stat.started, boot: boot_id() })
}

/// Returns a name for the set of servers that a process uses, which no later process has.
pub(crate) fn run_name(pid: u32) -> Option<String> {
    let started = birth(i32::try_from(pid).ok()?)?.started;
    Some(format!("run-{pid}-{started}"))
}

/// Returns the live processes of a session that are not older than its leader.
fn session_members(leader: i32, started: u64) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let members = pids.filter_map(Stat::of).filter(|stat| stat.session == leader && !stat.zombie && stat.started >= started);
    members.map(|stat| stat.pid).collect()
}

/// Sends a signal; a process that has exited in the meantime is ignored.
fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// A command that is run in a new session, detached from the terminal.
pub(crate) fn detached(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setsid");
    command.arg(program);
    command
}

/// The processes whose pid files, logs and stamps are in one folder.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    folder: PathBuf,
}

impl Processes {
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.join("log").join(format!("{name}.log"))
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.folder.join("pid").join(name)
    }

    fn stamp_file(&self, name: &str) -> PathBuf {
        self.folder.join("stamp").join(name)
    }

    fn recorded(&self, name: &str) -> Option<(i32, Birth)> {
        let note = files::read_note(&self.pid_file(name))?;
        let mut fields = note.split_whitespace();
        let pid = fields.next()?.parse().ok()?;
        Some((pid, Birth { started: fields.next()?.parse().ok()?, boot: fields.next()?.to_owned() }))
    }

    /// Returns whether the process was started and not stopped, whether or not it still runs.
    pub(crate) fn is_recorded(&self, name: &str) -> bool {
        self.pid_file(name).exists()
    }

    /// Returns the names of all processes that were started and not stopped.
    pub(crate) fn names(&self) -> Vec<String> {
        files::entries(&self.folder.join("pid")).iter().filter_map(|path| files::name_of(path).ok()).map(str::to_owned).collect()
    }

    /// Returns the pid if this very process is still alive.
    pub(crate) fn pid(&self, name: &str) -> Option<i32> {
        let (pid, recorded) = self.recorded(name)?;
        (birth(pid)? == recorded).then_some(pid)
    }

    pub(crate) fn alive(&self, name: &str) -> bool {
        self.pid(name).is_some()
    }

    /// Starts a command made by [`detached`] and appends its output to the log of that name.
    pub(crate) fn launch(&self, name: &str, command: &mut Command) -> Result<()> {
        self.end_orphans(name);
        let (out, err) = append_to(&self.log(name))?;
        let mut child = command
            .stdin(std::process::Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|source| Failure::Program { program: name.to_owned(), source })?;
        let pid = child.id();
        let born = i32::try_from(pid).ok().and_then(birth);
        let note = born.map_or_else(|| format!("{pid} gone\n"), |birth| format!("{pid} {} {}\n", birth.started, birth.boot));
        // A killed process stays a zombie until its parent waits for it, and PostgreSQL does not start beside the zombie of its
        // predecessor.
        std::thread::spawn(move || child.wait());
        files::write_private(&self.pid_file(name), note)
    }

    /// Ends processes that outlived their parent, such as nginx's workers, which keep the port. They share its session, and as long
    /// as one of them lives, the kernel does not reuse its pid, which is the session id.
    pub(crate) fn end_orphans(&self, name: &str) {
        let Some((leader, recorded)) = self.recorded(name) else { return };
        // If the pid is in use, it belongs to the process itself or to a later one.
        if recorded.boot != boot_id() || birth(leader).is_some() {
            return;
        }
        let members = || session_members(leader, recorded.started);
        let send_all = |signal| {
            for pid in members() {
                send(pid, signal);
            }
        };
        send_all(Signal::TERM);
        if !wait_until(Duration::from_secs(5), || members().is_empty()) {
            send_all(Signal::KILL);
        }
    }

    /// Sends a signal if the process runs, without waiting for its effect.
    pub(crate) fn signal(&self, name: &str, signal: Signal) {
        if let Some(pid) = self.pid(name) {
            send(pid, signal);
        }
    }

    /// Sends the signal, and kills the process if it has not exited at the deadline.
    pub(crate) fn stop(&self, name: &str, signal: Signal, limit: Duration) -> Result<()> {
        if let Some(pid) = self.pid(name) {
            send(pid, signal);
            if !self.wait_for_exit(name, limit) {
                step!("{name} did not stop within {} seconds and was killed.", limit.as_secs());
                send(pid, Signal::KILL);
                if !self.wait_for_exit(name, Duration::from_secs(10)) {
                    step!("{name} (pid {pid}) cannot be killed.");
                }
            }
        }
        self.end_orphans(name);
        files::delete(&self.pid_file(name))?;
        files::delete(&self.stamp_file(name))
    }

    /// Unlike [`wait_until`], it is not ended by signals, because it is part of the clean-up after one.
    fn wait_for_exit(&self, name: &str, limit: Duration) -> bool {
        let deadline = std::time::Instant::now() + limit;
        while self.alive(name) {
            if std::time::Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// Returns whether the process runs and was started with this stamp, which identifies its program and settings.
    pub(crate) fn has_stamp(&self, name: &str, stamp: &str) -> bool {
        self.alive(name) && files::read_note(&self.stamp_file(name)).is_some_and(|recorded| recorded == stamp)
    }

    pub(crate) fn set_stamp(&self, name: &str, stamp: &str) -> Result<()> {
        files::write_private(&self.stamp_file(name), stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn the_name_of_a_process_may_contain_anything() {
        let after = "S 1 2 77 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 4711 0";
        let stat = Stat::parse(&format!("12 (a) (b c) {after}")).unwrap();
        assert_eq!(stat, Stat { pid: 12, zombie: false, session: 77, started: 4711 });
        assert_eq!(Stat::parse("12 (a"), None);
    }

    #[test]
    fn a_launched_process_is_known_until_it_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let processes = Processes::new(folder.path());
        processes.launch("sleeper", detached("sleep").arg("600")).unwrap();
        assert!(processes.alive("sleeper"));
        assert_eq!(processes.names(), ["sleeper"]);
        processes.set_stamp("sleeper", "one").unwrap();
        assert!(processes.has_stamp("sleeper", "one") && !processes.has_stamp("sleeper", "two"));
        processes.stop("sleeper", Signal::TERM, LIMIT).unwrap();
        assert!(!processes.alive("sleeper") && !processes.is_recorded("sleeper"));
        assert!(!processes.has_stamp("sleeper", "one"));
    }

    #[test]
    fn a_process_that_ignores_the_signal_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let processes = Processes::new(folder.path());
        let ready = folder.path().join("ready");
        let script = format!("trap '' TERM; : >'{}'; while :; do sleep 0.1; done", ready.display());
        processes.launch("stubborn", detached("sh").args(["-c", &script])).unwrap();
        assert!(wait_until(LIMIT, || ready.exists()));
        processes.stop("stubborn", Signal::TERM, Duration::from_millis(300)).unwrap();
        assert!(!processes.alive("stubborn"));
    }

    #[test]
    fn a_later_process_with_the_same_pid_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let processes = Processes::new(folder.path());
        let pid = std::process::id();
        let started = birth(i32::try_from(pid).unwrap()).unwrap().started;
        files::write_private(&processes.pid_file("self"), format!("{pid} {started} {}\n", boot_id())).unwrap();
        assert!(processes.alive("self"));
        files::write_private(&processes.pid_file("self"), format!("{pid} {} {}\n", started + 1, boot_id())).unwrap();
        assert!(!processes.alive("self"));
        files::write_private(&processes.pid_file("self"), format!("{pid} {started} another-boot\n")).unwrap();
        assert!(!processes.alive("self"));
    }

    #[test]
    fn children_that_outlive_their_parent_are_ended() {
        let folder = tempfile::tempdir().unwrap();
        let processes = Processes::new(folder.path());
        processes.launch("parent", detached("sh").args(["-c", "sleep 600 & wait"])).unwrap();
        let leader = processes.pid("parent").unwrap();
        assert!(wait_until(LIMIT, || session_members(leader, 0).len() == 2));
        send(leader, Signal::KILL);
        assert!(processes.wait_for_exit("parent", LIMIT));
        assert_eq!(session_members(leader, 0).len(), 1);
        processes.end_orphans("parent");
        assert!(session_members(leader, 0).is_empty());
    }
}
