//! Starts and stops the services as separate processes: release binaries with their default settings.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::Fallible;
use crate::http::{Connection, get};

/// A running process. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    /// Process id.
    pub pid: u32,
    /// Time from the start of the process until it was ready.
    pub startup: Duration,
}

/// Starts services.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// Directory with the binaries.
    pub bin_dir: PathBuf,
    /// Directory for the logs.
    pub logs: PathBuf,
}

impl Launcher {
    /// Starts `NAME serve` with these environment variables and waits until its readiness check succeeds.
    pub async fn start(&self, name: &str, management: u16, settings: &[(&str, String)]) -> Fallible<Service> {
        let mut command = Command::new(self.bin_dir.join(name));
        command.arg("serve").env_clear().envs(settings.iter().map(|(name, value)| (name, value)));
        command.env("ROWLOCK__MANAGEMENT__LISTEN", format!("127.0.0.1:{management}"));
        self.run(command, &format!("{name}-{management}"), management, "/health/ready").await
    }

    /// Like [`start`](Self::start), with the lowest priority.
    pub async fn start_politely(&self, name: &str, management: u16, settings: &[(&str, String)]) -> Fallible<Service> {
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(self.bin_dir.join(name)).arg("serve").env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        command.env("ROWLOCK__MANAGEMENT__LISTEN", format!("127.0.0.1:{management}"));
        self.run(command, &format!("{name}-{management}"), management, "/health/ready").await
    }

    /// Starts the `hello` command of this program.
    pub async fn start_hello(&self, port: u16, body: &Path) -> Fallible<Service> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("hello").arg("--port").arg(port.to_string()).arg("--body").arg(body);
        self.run(command, "hello", port, "/").await
    }

    async fn run(&self, mut command: Command, name: &str, port: u16, path: &str) -> Fallible<Service> {
        std::fs::create_dir_all(&self.logs)?;
        let log = File::create(self.logs.join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let start = Instant::now();
        let mut child = command.spawn()?;
        let pid = child.id().ok_or("the process exited immediately")?;
        while !responds(port, path).await {
            if let Some(status) = child.try_wait()? {
                return Err(format!("{name} exited unexpectedly ({status}); see its log in {}", self.logs.display()).into());
            }
            if start.elapsed() > Duration::from_secs(30) {
                return Err(format!("{name} is not ready after 30 seconds; see its log in {}", self.logs.display()).into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(Service { child, pid, startup: start.elapsed() })
    }
}

async fn responds(port: u16, path: &str) -> bool {
    let Ok(mut connection) = Connection::open(port).await else { return false };
    let mut request = Vec::new();
    get(&mut request, path);
    matches!(connection.call(&request).await, Ok(200))
}

impl Service {
    /// Sends SIGTERM and waits up to ten seconds. A process that is still running then is killed.
    pub async fn stop(mut self) -> Fallible<()> {
        self.end().await
    }

    /// Like [`stop`](Self::stop), for a process that is replaced by another one.
    pub async fn end(&mut self) -> Fallible<()> {
        Command::new("kill").arg(self.pid.to_string()).status().await?;
        let _ = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
        Ok(())
    }
}
