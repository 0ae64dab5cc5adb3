//! A reserved port, for servers that start later or not at all.

#![allow(clippy::unwrap_used, reason = "a test cannot continue without its port")]

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// A port at which nothing listens, and that no other process is given meanwhile. It refuses connections until a server is started
/// at it. A server that sets `SO_REUSEADDR`, as PostgreSQL does, can be started at it while the reservation lasts.
#[derive(Debug)]
pub struct ClosedPort {
    socket: TcpSocket,
    /// The address of the port.
    pub address: SocketAddr,
}

impl ClosedPort {
    /// Reserves a port.
    pub fn reserve() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { address: socket.local_addr().unwrap(), socket }
    }

    /// Listens at the port.
    pub(crate) fn listen(self) -> TcpListener {
        self.socket.listen(1024).unwrap()
    }
}
