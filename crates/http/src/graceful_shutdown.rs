//! Graceful shutdown of a public server.

use rowlock_platform::lifecycle::ShutdownSettings;
use tokio_util::sync::CancellationToken;

/// The signal to shut down, and how long its steps take.
#[derive(Debug, Clone)]
pub struct GracefulShutdown {
    /// Cancelled when the process is asked to stop.
    pub signal: CancellationToken,
    /// Durations of the steps.
    pub settings: ShutdownSettings,
}

impl GracefulShutdown {
    /// Completes when the server must stop accepting requests: after the signal and the time in which load balancers notice that
    /// the service is not ready.
    pub(crate) async fn stops_accepting(&self) {
        self.signal.cancelled().await;
        tokio::time::sleep(self.settings.notice).await;
    }
}
