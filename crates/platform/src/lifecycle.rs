//! Background tasks and graceful shutdown. The first signal drains the process; a second signal or the deadline ends it at
//! once.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::settings::SettingsReader;

/// Settings of the section `shutdown`.
#[derive(Debug, Clone, Copy)]
pub struct ShutdownSettings {
    /// How long the service keeps accepting requests after the signal. Meanwhile it reports itself as not ready and closes
    /// each connection after its next response, so that load balancers send new requests to other replicas.
    pub notice: Duration,
    /// How long requests in flight may take to end once the service has stopped accepting new ones.
    pub drain: Duration,
}

impl ShutdownSettings {
    /// Reads the section `shutdown`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let notice = reader.millis("shutdown.notice_ms", 0..=600_000);
        let drain = reader.millis("shutdown.drain_ms", 100..=600_000);
        Some(Self { notice: notice?, drain: drain? })
    }

    /// Returns the maximum duration of a graceful shutdown.
    pub fn total(&self) -> Duration {
        self.notice + self.drain
    }
}

/// The background tasks of a process and the tokens that stop them.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Cancelled first, when the process must stop accepting new work.
    pub draining: CancellationToken,
    /// Cancelled once the accepted work is done, so that background tasks end.
    pub stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Spawns a background task. It must end when `stopping` is cancelled, because [`shut_down`](Self::shut_down) waits for
    /// it.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Cancels both tokens and waits for the background tasks. Call it when the accepted work is done.
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

/// Runs `service` until SIGTERM or SIGINT, then cancels `stop` and waits up to `drain` for it to end.
///
/// Returns whether it ended in time. A second signal stops the waiting and counts as not in time.
pub async fn run_until_signalled(stop: CancellationToken, drain: Duration, service: impl Future<Output = ()>) -> std::io::Result<bool> {
    tokio::pin!(service);
    tokio::select! {
        () = &mut service => return Ok(true),
        signal = signalled() => signal?,
    }
    tracing::info!("stopping; waiting for requests and tasks in flight to end");
    stop.cancel();
    tokio::select! {
        () = &mut service => Ok(true),
        signal = signalled() => { signal?; Ok(false) }
        () = tokio::time::sleep(drain) => Ok(false),
    }
}
