//! Runs the gateway with a certificate, as a deployment does, and calls it with curl, which is not one of our own clients.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test cannot continue without its gateway")]

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};

use crate::gateway::{START, reserve_port};
use crate::tls::Issued;
use crate::wait::until;

/// The host name in the certificates and URLs of this gateway.
pub const HOST: &str = "tickets.example";

/// A gateway that serves `https://tickets.example` on a free port and redirects plain HTTP on another. It is stopped when the value is
/// dropped.
#[derive(Debug)]
pub struct TlsGateway {
    nginx: Child,
    folder: TempDir,
    https: (TcpSocket, u16),
    http: (TcpSocket, u16),
}

/// A response as curl reports it.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// Status and version of HTTP, such as `200 2`; `000 0` without a response.
    pub status: String,
    /// Header lines in lower case, without the status line.
    pub head: String,
    /// Body as text.
    pub body: String,
    /// The exit code of curl: 0 for any response, 60 for a certificate that it rejects.
    pub exit_code: i32,
}

impl TlsGateway {
    /// Starts a gateway with this certificate in front of a service, and waits until it accepts connections.
    pub async fn before(service: SocketAddr, issued: &Issued) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (https, http) = (reserve_port(), reserve_port());
        let file = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(file("acme/.well-known/acme-challenge")).unwrap();
        let mut start = Command::new("sh");
        start.arg(START).env("ROWLOCK_GATEWAY_DIR", file("gateway")).env("ROWLOCK_GATEWAY_LISTEN", listen(https.1));
        for name in ["ROWLOCK_AUTH_UPSTREAM", "ROWLOCK_BOOKING_UPSTREAM", "ROWLOCK_WEB_UPSTREAM"] {
            start.env(name, service.to_string());
        }
        start.env("ROWLOCK_TLS_CERTIFICATE", file("certificate.pem")).env("ROWLOCK_TLS_KEY", file("key.pem"));
        start.env("ROWLOCK_PUBLIC_URL", format!("https://{HOST}:{}", https.1)).env("ROWLOCK_REDIRECT_LISTEN", listen(http.1));
        start.env("ROWLOCK_ACME_FOLDER", file("acme"));
        put(&file("certificate.pem"), &issued.certificate);
        put(&file("key.pem"), &issued.key);
        let log = File::create(file("log")).unwrap();
        let nginx = start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sh");
        let mut gateway = Self { nginx, folder, https, http };
        for port in [gateway.https.1, gateway.http.1] {
            until("the gateway accepts connections", async || {
                let ended = gateway.nginx.try_wait().unwrap();
                assert!(ended.is_none(), "the gateway has ended: {}", gateway.log());
                TcpStream::connect(("127.0.0.1", port)).await.is_ok()
            })
            .await;
        }
        gateway
    }

    /// Replaces the certificate that the gateway was given, but not its key.
    pub fn replace_certificate(&self, certificate: &str) {
        put(&self.file("certificate.pem"), certificate);
    }

    /// Replaces the key that the gateway was given.
    pub fn replace_key(&self, key: &str) {
        put(&self.file("key.pem"), key);
    }

    /// Adds the answer to a challenge of a certificate authority.
    pub fn answer_challenge(&self, token: &str, answer: &str) {
        put(&self.file("acme/.well-known/acme-challenge").join(token), answer);
    }

    /// Returns the messages of the gateway, without its access log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap()
    }

    /// Returns the URL of a path, as visitors use it.
    pub fn https_url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.https.1)
    }

    /// Returns the URL of a path at the port that redirects.
    pub fn http_url(&self, path: &str) -> String {
        format!("http://{HOST}:{}{path}", self.http.1)
    }

    /// Requests a URL with curl, which trusts this authority only. Every host has the address 127.0.0.1.
    pub async fn curl(&self, authority: &str, url: &str, options: &[&str]) -> Response {
        let trusted = self.file("trusted.pem");
        put(&trusted, authority);
        let head = self.file("head");
        put(&head, "");
        let output = tokio::process::Command::new("curl")
            .args(["-sS", "--noproxy", "*", "--max-time", "20", "--connect-to", "::127.0.0.1:"])
            .args(["-w", "\n%{http_code} %{http_version}", "--cacert"])
            .arg(trusted)
            .arg("-D")
            .arg(&head)
            .args(options)
            .arg(url)
            .output()
            .await
            .expect("curl is needed for this test");
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        let head = std::fs::read_to_string(head).unwrap().to_lowercase();
        let head = head.split_once("\r\n").map_or(String::new(), |(_, fields)| fields.trim_end().to_owned());
        Response { status: status.to_owned(), head, body: body.to_owned(), exit_code: output.status.code().unwrap_or(-1) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for TlsGateway {
    fn drop(&mut self) {
        // SIGTERM rather than SIGKILL, so that nginx also stops its workers.
        let _ = Command::new("kill").arg(self.nginx.id().to_string()).status();
        let _ = self.nginx.wait();
    }
}

fn listen(port: u16) -> String {
    format!("127.0.0.1:{port} reuseport")
}

/// Replaces a file at once, as tools that renew certificates do.
fn put(file: &Path, content: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, file).unwrap();
}
