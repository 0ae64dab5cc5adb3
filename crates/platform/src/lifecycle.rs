//! Starting and stopping: on the first signal everything drains, on the second or at the deadline it ends hard.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::settings::SettingsReader;

/// How a service that is told to stop takes its leave.
#[derive(Debug, Clone, Copy)]
pub struct ShutdownSettings {
    /// How long it goes on as before, while it says that it is not ready and closes connections with their next answer, so
    /// that whoever sends it requests can turn to others.
    pub notice: Duration,
    /// How long requests in flight may take to end after that.
    pub drain: Duration,
}

impl ShutdownSettings {
    /// Reads the section `shutdown`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let notice = reader.millis("shutdown.notice_ms", 0..=600_000);
        let drain = reader.millis("shutdown.drain_ms", 100..=600_000);
        Some(Self { notice: notice?, drain: drain? })
    }

    /// How long all of it may take.
    pub fn most(&self) -> Duration {
        self.notice + self.drain
    }
}

/// The tasks of a process and the words that stop them.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Cancelled first: take no more work.
    pub draining: CancellationToken,
    /// Cancelled when the work taken has been done: background tasks end.
    pub stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Starts a background task that ends when `stopping` is cancelled.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Ends the background when the work that was taken has been done, and waits for it.
    pub async fn shut_down(&self) {
        self.draining.cancel();
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Waits for SIGTERM or SIGINT.
async fn signalled() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Runs a service until a signal, then drains it. Returns whether it drained within the deadline; a second signal ends
/// the waiting.
pub async fn run_until_signalled(stop: CancellationToken, drain: Duration, service: impl Future<Output = ()>) -> std::io::Result<bool> {
    tokio::pin!(service);
    tokio::select! {
        () = &mut service => return Ok(true),
        signal = signalled() => signal?,
    }
    tracing::info!("stopping: finishing what is in flight");
    stop.cancel();
    tokio::select! {
        () = &mut service => Ok(true),
        signal = signalled() => { signal?; Ok(false) }
        () = tokio::time::sleep(drain) => Ok(false),
    }
}
