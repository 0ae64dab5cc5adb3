//! PostgreSQL and RabbitMQ: killed by their pid, started again by the script that has started them.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Command;
use tokio::time::Instant;

use crate::Fallible;

/// How long a killed server may take to be gone.
const GONE: Duration = Duration::from_secs(30);

/// A server of this run.
#[derive(Debug)]
pub struct Server {
    /// What the script calls it.
    pub name: &'static str,
    command: PathBuf,
    pid: i32,
    crash: Signal,
}

impl Server {
    /// PostgreSQL. SIGQUIT is its immediate shutdown: nothing is written any more, and the next start recovers.
    pub fn postgres(command: PathBuf, pid: i32) -> Self {
        Self { name: "postgres", command, pid, crash: Signal::QUIT }
    }

    /// RabbitMQ, which has no other way than being killed.
    pub fn broker(command: PathBuf, pid: i32) -> Self {
        Self { name: "rabbitmq", command, pid, crash: Signal::KILL }
    }

    /// Ends it as a crash would, and waits until it is gone.
    pub async fn crash(&self) -> Fallible<()> {
        let pid = Pid::from_raw(self.pid).ok_or("a server without a pid")?;
        kill_process(pid, self.crash)?;
        let start = Instant::now();
        while test_kill_process(pid).is_ok() {
            if start.elapsed() > GONE {
                return Err(format!("{} (pid {}) is not gone {} seconds after it was killed", self.name, self.pid, GONE.as_secs()).into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Starts it again and waits until it answers.
    pub async fn start(&mut self) -> Fallible<()> {
        let output = Command::new(&self.command).args(["server", self.name, "start"]).output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} could not be started again: {} {}", self.name, said.trim(), error.trim()).into());
        }
        let pid = said.lines().last().unwrap_or_default().trim();
        self.pid = pid.parse().map_err(|_| format!("the start of {} printed «{pid}» instead of a pid", self.name))?;
        Ok(())
    }

    /// Sends a signal to it and to every process that it has started, itself first, so that it starts no more.
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
                return Err(format!("{} (pid {parent}) does not take a signal: {error}", self.name).into());
            }
            pids.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
            index += 1;
        }
        Ok(())
    }
}

/// All processes with their parents.
fn parents() -> Fallible<Vec<(i32, i32)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while we look.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        found.extend(parent.map(|parent| (pid, parent)));
    }
    Ok(found)
}
