//! The public door for one test: nginx with the configuration of `deploy/gateway`, in front of a [`System`].

#![allow(clippy::expect_used, reason = "a test cannot go on without its gateway, and says why")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::system::System;
use crate::wait::until;

/// The server certificate of a gateway with TLS, and its key; both in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// The key to it.
    pub key: String,
}

/// An nginx of its own on a free port. It ends when it is dropped.
#[derive(Debug)]
pub struct Gateway {
    nginx: Option<Child>,
    folder: TempDir,
    url: String,
    /// Keeps the port for this nginx, also while it is stopped: others need the same option and the same user to take it.
    _port: TcpSocket,
}

impl Gateway {
    /// In front of all services of a system.
    pub async fn before(system: &System) -> Self {
        Self::open(&system.auth_url(), &system.booking_urls(), None, &[]).await
    }

    /// The same with TLS, for `https://localhost`.
    pub async fn with_tls(system: &System, certificate: &Certificate) -> Self {
        Self::open(&system.auth_url(), &system.booking_urls(), Some(certificate), &[]).await
    }

    /// The same without TLS, with settings of the gateway, as `("ROWLOCK_TRUSTED_PROXIES", "192.0.2.0/24")`.
    pub async fn with_settings(system: &System, settings: &[(&str, &str)]) -> Self {
        Self::open(&system.auth_url(), &system.booking_urls(), None, settings).await
    }

    /// The same in front of any service, in the place of both, at an address as `http://127.0.0.1:8080`.
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
        // Each worker would have a queue of its own, and there is one process to accept from them.
        change(&folder.path().join("nginx.conf"), "worker_processes auto;", "worker_processes 1;");
        let mut gateway = Self { nginx: None, folder, url: format!("{scheme}://localhost:{port}"), _port: socket };
        gateway.start().await;
        gateway
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts it, on the port that it has had, and waits until it accepts connections.
    pub async fn start(&mut self) {
        let program = std::env::var_os("ROWLOCK_TEST_NGINX").unwrap_or_else(|| "nginx".into());
        let mut nginx = Command::new(program)
            .arg("-p")
            .arg(self.folder.path())
            // A single process, so that none is left behind when it is killed.
            .args(["-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; master_process off; pid nginx.pid;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("nginx is needed for this test; «make test» installs it");
        let address = self.url.rsplit('/').next().expect("an address").to_owned();
        until("the gateway accepts connections", async || {
            let ended = nginx.try_wait().expect("the state of nginx");
            assert!(ended.is_none(), "nginx has ended: {ended:?}");
            tokio::net::TcpStream::connect(&address).await.is_ok()
        })
        .await;
        self.nginx = Some(nginx);
    }

    /// Ends it at once; nobody listens on its port then.
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

/// Changes a line of the configuration.
fn change(file: &Path, old: &str, new: &str) {
    let text = std::fs::read_to_string(file).expect("the configuration");
    assert!(text.contains(old), "{old} is not in the configuration");
    std::fs::write(file, text.replace(old, new)).expect("the configuration");
}

/// Has the scripts write the configuration, as they do for a system that runs.
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
    assert!(status.success(), "the configuration of the gateway could not be written");
}
