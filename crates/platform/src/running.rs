//! Handle to a started service.

use std::net::SocketAddr;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Handle to a service that runs in the background: its addresses, and how to stop it.
#[derive(Debug)]
pub struct Running {
    http_addr: Option<SocketAddr>,
    management_addr: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Creates the handle. Cancelling `stop` drains the service, and `ended` is the task that completes when it has ended.
    pub const fn new(
        http_addr: Option<SocketAddr>,
        management_addr: SocketAddr,
        stop: CancellationToken,
        ended: JoinHandle<std::io::Result<()>>,
    ) -> Self {
        Self { http_addr, management_addr, stop, ended }
    }

    /// Returns the address of the public routes, or `None` if the service has none.
    pub const fn http_addr(&self) -> Option<SocketAddr> {
        self.http_addr
    }

    /// Returns the address of the management port (health and metrics).
    pub const fn management_addr(&self) -> SocketAddr {
        self.management_addr
    }

    /// Returns the token that drains and stops the service when it is cancelled.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the service has ended, either because it was stopped or because of the returned error.
    pub async fn wait(self) -> std::io::Result<()> {
        self.ended.await.map_err(std::io::Error::other)?
    }

    /// Drains the service and waits until it has ended.
    pub async fn stop(self) -> std::io::Result<()> {
        self.stop.cancel();
        self.wait().await
    }
}
