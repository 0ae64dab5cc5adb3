//! A service that was started: its addresses, and how to stop it.

use std::net::SocketAddr;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A handle on a service that runs in the background.
#[derive(Debug)]
pub struct Running {
    http_addr: Option<SocketAddr>,
    management_addr: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// A service with its ports, the token that drains it, and the task that ends with it.
    pub const fn new(
        http_addr: Option<SocketAddr>,
        management_addr: SocketAddr,
        stop: CancellationToken,
        ended: JoinHandle<std::io::Result<()>>,
    ) -> Self {
        Self { http_addr, management_addr, stop, ended }
    }

    /// Where the public routes are, if the service has any.
    pub const fn http_addr(&self) -> Option<SocketAddr> {
        self.http_addr
    }

    /// Where operators look.
    pub const fn management_addr(&self) -> SocketAddr {
        self.management_addr
    }

    /// Cancelling it drains and stops the service.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the service has ended: because it was told to, or because it could not go on.
    pub async fn wait(self) -> std::io::Result<()> {
        self.ended.await.map_err(std::io::Error::other)?
    }

    /// Drains and stops the service.
    pub async fn stop(self) -> std::io::Result<()> {
        self.stop.cancel();
        self.wait().await
    }
}
