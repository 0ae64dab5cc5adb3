//! Runs services as separate processes that can be killed, terminated, frozen and restarted.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::Fallible;

/// Timeout for a service to become ready at the start of a run.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(60);

/// A service process, running or not.
#[derive(Debug)]
pub struct ServiceProcess {
    /// Name in the report and of the log file.
    pub name: String,
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
    management: u16,
    log: PathBuf,
    child: Option<Child>,
    http: reqwest::Client,
}

/// Configuration of a service process.
#[derive(Debug)]
pub struct ServiceConfig {
    /// Name of the service.
    pub name: String,
    /// Path of the binary.
    pub program: PathBuf,
    /// Complete environment, except for the management port.
    pub settings: Vec<(&'static str, String)>,
    /// Management port.
    pub management: u16,
    /// Directory of the log file.
    pub logs: PathBuf,
}

impl ServiceProcess {
    /// Creates a service without starting it.
    pub fn new(config: ServiceConfig) -> Fallible<Self> {
        let ServiceConfig { name, program, mut settings, management, logs } = config;
        std::fs::create_dir_all(&logs)?;
        settings.push(("ROWLOCK__MANAGEMENT__LISTEN", format!("127.0.0.1:{management}")));
        let log = logs.join(format!("{name}.log"));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        Ok(Self { name, program, settings, management, log, child: None, http })
    }

    /// Starts the service without waiting until it is ready. Its output is appended to its log file.
    pub fn start(&mut self) -> Fallible<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.arg("serve").env_clear().envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Returns whether the readiness check on the management port succeeds.
    pub async fn is_ready(&self) -> bool {
        let response = self.http.get(format!("http://127.0.0.1:{}/health/ready", self.management)).send().await;
        response.is_ok_and(|response| response.status().is_success())
    }

    /// Waits until the service is ready. Fails if it exits or is not ready in time.
    pub async fn wait_until_ready(&mut self) -> Fallible<()> {
        let start = Instant::now();
        while !self.is_ready().await {
            if let Some(status) = self.try_exit_status()? {
                return Err(format!("{} exited unexpectedly ({status}); see {}", self.name, self.log.display()).into());
            }
            if start.elapsed() > STARTUP_TIMEOUT {
                return Err(
                    format!("{} is not ready after {} seconds; see {}", self.name, STARTUP_TIMEOUT.as_secs(), self.log.display()).into()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until this many commands are queued in the lanes of the service, or until the timeout.
    pub async fn wait_for_queued_commands(&self, commands: usize, limit: Duration) {
        let enough = async {
            while self.queued_commands().await.is_none_or(|waiting| waiting < commands) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // On a timeout the caller continues with fewer commands.
        let _ = timeout(limit, enough).await;
    }

    /// Waits until the service has read every request that reached its port, or until the timeout. The kernel counts the bytes that it
    /// has not read.
    pub async fn wait_until_requests_are_read(&self, port: u16, limit: Duration) {
        let all_read = async {
            while tokio::fs::read_to_string("/proc/net/tcp").await.is_ok_and(|sockets| has_unread_bytes(&sockets, port)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(limit, all_read).await;
    }

    async fn queued_commands(&self) -> Option<usize> {
        let response = self.http.get(format!("http://127.0.0.1:{}/metrics", self.management)).send().await.ok()?;
        let text = response.text().await.ok()?;
        text.lines().find_map(|line| line.strip_prefix("rowlock_lane_waiting_commands "))?.trim().parse().ok()
    }

    /// Returns the exit status if the process was started and has exited.
    pub fn try_exit_status(&mut self) -> Fallible<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?),
            None => Ok(None),
        }
    }

    /// Returns the path of the log file.
    pub fn log(&self) -> String {
        self.log.display().to_string()
    }

    /// Sends a signal. Does nothing if the process has exited.
    pub fn signal(&self, signal: Signal) -> Fallible<()> {
        let pid = self.child.as_ref().and_then(Child::id).and_then(|pid| i32::try_from(pid).ok());
        match pid.and_then(Pid::from_raw) {
            Some(pid) => Ok(kill_process(pid, signal)?),
            None => Ok(()),
        }
    }

    /// Kills the process with SIGKILL.
    pub async fn kill(&mut self) -> Fallible<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Waits for the process to exit after SIGTERM and returns its exit status. Kills it and returns None on timeout.
    pub async fn wait_for_exit(&mut self, limit: Duration) -> Fallible<Option<ExitStatus>> {
        let Some(mut child) = self.child.take() else { return Ok(None) };
        if let Ok(status) = timeout(limit, child.wait()).await {
            return Ok(Some(status?));
        }
        child.kill().await?;
        Ok(None)
    }
}

/// Returns whether a connection to a port has unread bytes, from the list of sockets that Linux provides.
fn has_unread_bytes(sockets: &str, port: u16) -> bool {
    const ESTABLISHED: &str = "01";
    let local_end = format!(":{port:04X}");
    sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|fields| match fields.as_slice() {
        [_, local, _, state, queues, ..] => local.ends_with(&local_end) && *state == ESTABLISHED && !queues.ends_with(":00000000"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_with_unread_bytes_is_recognized() {
        let socket = |port: &str, state: &str, unread: &str| {
            format!(
                "  0: 0100007F:{port} 0100007F:D431 {state} 00000000:{unread} 00:00000000 00000000     0        0 1 1 0 20 4 30 10 -1\n"
            )
        };
        let header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let read = |sockets: &str| has_unread_bytes(&format!("{header}{sockets}"), 0x1F90);
        assert!(read(&socket("1F90", "01", "000001A4")));
        assert!(!read(&socket("1F90", "01", "00000000")));
        assert!(!read(&socket("1F90", "0A", "00000001")), "a listening socket counts connections");
        assert!(!read(&socket("1F91", "01", "000001A4")));
    }
}
