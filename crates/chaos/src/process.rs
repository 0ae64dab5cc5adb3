//! Services as real processes that can be killed, asked to stop, frozen and started again.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::Fallible;

/// How long a service may take to be ready at the start of a run.
const STARTUP: Duration = Duration::from_secs(60);

/// One service, running or not.
#[derive(Debug)]
pub struct Service {
    /// What it is called in the report and its log.
    pub name: String,
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
    management: u16,
    log: PathBuf,
    child: Option<Child>,
    http: reqwest::Client,
}

/// What a service is made of.
#[derive(Debug)]
pub struct Recipe {
    /// What it is called.
    pub name: String,
    /// The binary.
    pub program: PathBuf,
    /// Its whole environment, but for the management port.
    pub settings: Vec<(&'static str, String)>,
    /// The management port.
    pub management: u16,
    /// The folder of its log.
    pub logs: PathBuf,
}

impl Service {
    /// A service that does not run yet.
    pub fn new(recipe: Recipe) -> Fallible<Self> {
        let Recipe { name, program, mut settings, management, logs } = recipe;
        std::fs::create_dir_all(&logs)?;
        settings.push(("ROWLOCK__MANAGEMENT__LISTEN", format!("127.0.0.1:{management}")));
        let log = logs.join(format!("{name}.log"));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        Ok(Self { name, program, settings, management, log, child: None, http })
    }

    /// Starts it; its output is added to its log. Does not wait until it is ready.
    pub fn start(&mut self) -> Fallible<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.arg("serve").env_clear().envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Whether its management port says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("http://127.0.0.1:{}/health/ready", self.management)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Waits until it is ready.
    pub async fn until_ready(&mut self) -> Fallible<()> {
        let start = Instant::now();
        while !self.is_ready().await {
            if let Some(status) = self.ended()? {
                return Err(format!("{} ended by itself: {status}; see {}", self.name, self.log.display()).into());
            }
            if start.elapsed() > STARTUP {
                return Err(format!("{} is not ready after {} seconds; see {}", self.name, STARTUP.as_secs(), self.log.display()).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until so many commands wait in it for their turn, and not longer than this.
    pub async fn until_waiting(&self, commands: usize, most: Duration) {
        let enough = async {
            while self.waiting_commands().await.is_none_or(|waiting| waiting < commands) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // A service that has too few of them, or says nothing, is asked to stop all the same.
        let _ = timeout(most, enough).await;
    }

    async fn waiting_commands(&self) -> Option<usize> {
        let answer = self.http.get(format!("http://127.0.0.1:{}/metrics", self.management)).send().await.ok()?;
        let text = answer.text().await.ok()?;
        text.lines().find_map(|line| line.strip_prefix("rowlock_lane_waiting_commands "))?.trim().parse().ok()
    }

    /// How it ended, if it was started and ended by itself.
    pub fn ended(&mut self) -> Fallible<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?),
            None => Ok(None),
        }
    }

    /// Where to look for what it said.
    pub fn log(&self) -> String {
        self.log.display().to_string()
    }

    /// Sends a signal. What has ended gets none.
    pub fn signal(&self, signal: Signal) -> Fallible<()> {
        let pid = self.child.as_ref().and_then(Child::id).and_then(|pid| i32::try_from(pid).ok());
        match pid.and_then(Pid::from_raw) {
            Some(pid) => Ok(kill_process(pid, signal)?),
            None => Ok(()),
        }
    }

    /// Ends it without a word.
    pub async fn kill(&mut self) -> Fallible<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Waits until it has ended after SIGTERM, and tells how; nothing if it did not in this time, and then it was killed.
    pub async fn until_ended(&mut self, most: Duration) -> Fallible<Option<ExitStatus>> {
        let Some(mut child) = self.child.take() else { return Ok(None) };
        if let Ok(status) = timeout(most, child.wait()).await {
            return Ok(Some(status?));
        }
        child.kill().await?;
        Ok(None)
    }
}
