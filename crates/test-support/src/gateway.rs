//! Runs nginx with the configuration of `deploy/gateway` in front of a [`System`], on a free TCP port.

#![allow(clippy::expect_used, reason = "a test cannot continue without its gateway and reports the cause by panicking")]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::system::System;
use crate::tls::Issued;
use crate::wait::until;

/// The script that writes the configuration of the gateway and runs it.
pub(crate) const START: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/gateway/start.sh");

/// An nginx process on a free port. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Gateway {
    nginx: Option<Child>,
    folder: TempDir,
    url: String,
    /// Reserves the port for this nginx, even while it is stopped: another process can only bind it with `SO_REUSEPORT` and
    /// as the same user.
    _port: TcpSocket,
}

impl Gateway {
    /// Starts a gateway in front of all services of a system.
    pub async fn before(system: &System) -> Self {
        Self::with_settings(system, &[]).await
    }

    /// Starts a gateway that serves `https://localhost` in front of all services of a system.
    pub async fn with_tls(system: &System, issued: &Issued) -> Self {
        Self::open(&system.auth_url(), &system.booking_urls(), Some(issued), &[]).await
    }

    /// Starts a gateway without TLS and with extra environment variables, such as `("ROWLOCK_TRUSTED_PROXIES",
    /// "192.0.2.0/24")`.
    pub async fn with_settings(system: &System, settings: &[(&str, &str)]) -> Self {
        Self::open(&system.auth_url(), &system.booking_urls(), None, settings).await
    }

    /// Starts a gateway that routes everything to one service, given by a URL such as `http://127.0.0.1:8080`.
    pub async fn before_service(url: &str, settings: &[(&str, &str)]) -> Self {
        Self::open(url, &[url.to_owned()], None, settings).await
    }

    async fn open(auth: &str, booking: &[String], issued: Option<&Issued>, settings: &[(&str, &str)]) -> Self {
        let (port, number) = reserve_port();
        let folder = tempfile::tempdir().expect("a folder");
        let scheme = if issued.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{number}");
        let mut render = Command::new("sh");
        // With SO_REUSEPORT every worker has its own accept queue, but with `master_process off` only one process accepts.
        render.args([START, "render"]).env("ROWLOCK_GATEWAY_LISTEN", format!("127.0.0.1:{number} reuseport"));
        if let Some(Issued { certificate, key }) = issued {
            for (name, content) in [("TLS_CERTIFICATE", certificate), ("TLS_KEY", key)] {
                let file = folder.path().join(name);
                std::fs::write(&file, content).expect("a file");
                render.env(format!("ROWLOCK_{name}"), file);
            }
            render.env("ROWLOCK_PUBLIC_URL", &url);
        }
        let without_scheme = |url: &str| url.trim_start_matches("http://").to_owned();
        let booking: Vec<String> = booking.iter().map(|url| without_scheme(url)).collect();
        render.env("ROWLOCK_GATEWAY_DIR", folder.path()).env("ROWLOCK_AUTH_UPSTREAM", without_scheme(auth));
        render.env("ROWLOCK_BOOKING_UPSTREAM", booking.join(",")).envs(settings.iter().copied());
        assert!(render.status().expect("sh").success(), "the gateway configuration cannot be written");
        change(&folder.path().join("nginx.conf"), "worker_processes auto;", "worker_processes 1;");
        let mut gateway = Self { nginx: None, folder, url, _port: port };
        gateway.start().await;
        gateway
    }

    /// Returns the base URL of the gateway.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts nginx on the reserved port and waits until it accepts connections.
    pub async fn start(&mut self) {
        let program = std::env::var_os("ROWLOCK_TEST_NGINX").unwrap_or_else(|| "nginx".into());
        let mut nginx = Command::new(program)
            .arg("-p")
            .arg(self.folder.path())
            // A single process, so that killing it leaves no worker behind.
            .args(["-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; master_process off; pid nginx.pid;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("nginx is needed for this test; `make test` installs it");
        let address = self.url.rsplit('/').next().expect("an address").to_owned();
        until("the gateway accepts connections", async || {
            let exited = nginx.try_wait().expect("the state of nginx");
            assert!(exited.is_none(), "nginx has exited: {exited:?}");
            tokio::net::TcpStream::connect(&address).await.is_ok()
        })
        .await;
        self.nginx = Some(nginx);
    }

    /// Kills nginx. Connections to its port are refused until [`Gateway::start`] is called.
    pub fn stop(&mut self) {
        if let Some(mut nginx) = self.nginx.take() {
            nginx.kill().expect("nginx can be killed");
            nginx.wait().expect("nginx ends");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Replaces a text in a configuration file.
pub(crate) fn change(file: &Path, old: &str, new: &str) {
    let text = std::fs::read_to_string(file).expect("the configuration");
    assert!(text.contains(old), "the gateway configuration does not contain {old}");
    std::fs::write(file, text.replace(old, new)).expect("the configuration");
}

/// Reserves a port of 127.0.0.1 for a process that binds it with `SO_REUSEPORT`.
pub(crate) fn reserve_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).expect("a socket whose port can be shared");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    (socket, port)
}
