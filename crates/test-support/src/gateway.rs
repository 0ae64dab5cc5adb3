//! Runs nginx with the configuration of `deploy/gateway` in front of a [`System`], on a free TCP port.

#![allow(clippy::expect_used, reason = "a test cannot continue without its gateway and reports the cause by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::system::System;
use crate::wait::until;

/// TLS server certificate of a gateway and its private key, both in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Certificate chain in PEM.
    pub certificate: String,
    /// Private key of the certificate in PEM.
    pub key: String,
}

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
        Self::open(&system.auth_url(), &system.booking_urls(), None, &[]).await
    }

    /// Starts a gateway that serves `https://localhost` in front of all services of a system.
    pub async fn with_tls(system: &System, certificate: &Certificate) -> Self {
        Self::open(&system.auth_url(), &system.booking_urls(), Some(certificate), &[]).await
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

    async fn open(auth: &str, booking: &[String], certificate: Option<&Certificate>, settings: &[(&str, &str)]) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseport(true).expect("a socket whose port can be shared");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let folder = tempfile::tempdir().expect("a folder");
        render(folder.path(), port, auth, booking, settings);
        let (listen, scheme) = match certificate {
            None => ("reuseport".to_owned(), "http"),
            Some(Certificate { certificate, key }) => {
                std::fs::write(folder.path().join("certificate.pem"), certificate).expect("a certificate");
                std::fs::write(folder.path().join("key.pem"), key).expect("a key");
                let file = |name: &str| folder.path().join(name).display().to_string();
                let files = format!("ssl_certificate {}; ssl_certificate_key {};", file("certificate.pem"), file("key.pem"));
                (format!("reuseport ssl; {files} #"), "https")
            }
        };
        let (old, new) = (format!("listen 127.0.0.1:{port} "), format!("listen 127.0.0.1:{port} {listen} "));
        change(&folder.path().join("conf.d/rowlock.conf"), &old, &new);
        // With SO_REUSEPORT every worker has its own accept queue, but with `master_process off` only one process accepts.
        change(&folder.path().join("nginx.conf"), "worker_processes auto;", "worker_processes 1;");
        let mut gateway = Self { nginx: None, folder, url: format!("{scheme}://localhost:{port}"), _port: socket };
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
fn change(file: &Path, old: &str, new: &str) {
    let text = std::fs::read_to_string(file).expect("the configuration");
    assert!(text.contains(old), "the gateway configuration does not contain {old}");
    std::fs::write(file, text.replace(old, new)).expect("the configuration");
}

/// Renders the configuration with `gateway_render` of `scripts/lib.sh`, as a deployment does.
fn render(folder: &Path, port: u16, auth: &str, booking: &[String], settings: &[(&str, &str)]) {
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
    let without_scheme = |url: &str| url.trim_start_matches("http://").to_owned();
    let status = Command::new("bash")
        .args(["-c", ". \"$1/lib.sh\"; shift; gateway_render \"$@\"", "render"])
        .arg(scripts)
        .arg(folder)
        .arg(port.to_string())
        .arg(without_scheme(auth))
        .args(booking.iter().map(|url| without_scheme(url)))
        .envs(settings.iter().copied())
        .status()
        .expect("bash");
    assert!(status.success(), "the gateway configuration cannot be written");
}
