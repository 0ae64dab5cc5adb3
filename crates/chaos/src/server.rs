//! Controls PostgreSQL and RabbitMQ: they are killed by process id and restarted by the script that started them.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Command;
use tokio::time::Instant;

use crate::Fallible;

/// Timeout for a killed server to exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// A server under test.
#[derive(Debug)]
pub struct Server {
    /// Name for the script.
    pub name: &'static str,
    command: PathBuf,
    pid: i32,
    crash: Signal,
}

impl Server {
    /// Creates the PostgreSQL server. A crash is its immediate shutdown (SIGQUIT): it writes nothing more, and the next start
    /// runs recovery.
    pub fn postgres(command: PathBuf, pid: i32) -> Self {
        Self { name: "postgres", command, pid, crash: Signal::QUIT }
    }

    /// Creates the RabbitMQ server. A crash is SIGKILL.
    pub fn broker(command: PathBuf, pid: i32) -> Self {
        Self { name: "rabbitmq", command, pid, crash: Signal::KILL }
    }

    /// Crashes the server and waits until its process is gone.
    pub async fn crash(&self) -> Fallible<()> {
        let pid = Pid::from_raw(self.pid).ok_or("the server has no process id")?;
        kill_process(pid, self.crash)?;
        let start = Instant::now();
        while test_kill_process(pid).is_ok() {
            if start.elapsed() > EXIT_TIMEOUT {
                return Err(format!(
                    "{} (pid {}) is still running {} seconds after it was killed",
                    self.name,
                    self.pid,
                    EXIT_TIMEOUT.as_secs()
                )
                .into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Restarts the server and waits until the script reports that it is ready.
    pub async fn start(&mut self) -> Fallible<()> {
        let output = Command::new(&self.command).args(["server", self.name, "start"]).output().await?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cannot restart {}: {} {}", self.name, stdout.trim(), error.trim()).into());
        }
        let pid = stdout.lines().last().unwrap_or_default().trim();
        self.pid = pid.parse().map_err(|_| format!("the start command of {} printed `{pid}` instead of a process id", self.name))?;
        Ok(())
    }

    /// Sends a signal to the server and all its descendants, parents first, so that no new children appear.
    pub fn signal_all(&self, signal: Signal) -> Fallible<()> {
        let mut pids = vec![self.pid];
        let parents = parents()?;
        // Children may have children.
        let mut index = 0;
        while let Some(&parent) = pids.get(index) {
            if let Some(pid) = Pid::from_raw(parent)
                && let Err(error) = kill_process(pid, signal)
                && index == 0
            {
                return Err(format!("cannot send a signal to {} (pid {parent}): {error}", self.name).into());
            }
            pids.extend(parents.iter().filter(|(_, other)| *other == parent).map(|(child, _)| *child));
            index += 1;
        }
        Ok(())
    }
}

/// Returns the process ids of all processes and their parents.
fn parents() -> Fallible<Vec<(i32, i32)>> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may exit in the meantime.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        processes.extend(parent.map(|parent| (pid, parent)));
    }
    Ok(processes)
}
