//! Runs nginx with the configuration of `deploy/gateway` on a Unix socket in a temporary folder, in front of arbitrary
//! services.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test cannot continue without its gateway")]

use std::collections::{BTreeSet, HashMap};
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use crate::gateway::{START, change};
use crate::wait::until;

/// An nginx process that listens on a Unix socket in its own temporary folder. It is stopped when the value is dropped.
#[derive(Debug)]
pub struct SocketGateway {
    nginx: Child,
    folder: TempDir,
}

impl Drop for SocketGateway {
    fn drop(&mut self) {
        // SIGTERM rather than SIGKILL, so that nginx also stops its workers.
        Command::new("kill").arg(self.nginx.id().to_string()).status().unwrap();
        self.nginx.wait().unwrap();
    }
}

impl SocketGateway {
    /// Starts a gateway with one service as both auth-service and booking-service.
    pub async fn before(service: SocketAddr) -> Self {
        Self::before_all(&[service]).await
    }

    /// Starts a gateway with several booking-services, in this order. The first one is also the auth-service.
    pub async fn before_all(services: &[SocketAddr]) -> Self {
        Self::start(&services[..1], services, &[]).await
    }

    /// Starts a gateway with one auth-service, one booking-service and one notifier.
    pub async fn before_each(auth: SocketAddr, booking: SocketAddr, notifier: SocketAddr) -> Self {
        Self::start(&[auth], &[booking], &[notifier]).await
    }

    /// Starts a gateway with these replicas of auth-service, booking-service and notifier.
    pub async fn before_replicas_of_each(replicas: &[SocketAddr]) -> Self {
        Self::start(replicas, replicas, replicas).await
    }

    async fn start(auth: &[SocketAddr], booking: &[SocketAddr], notifier: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let list = |services: &[SocketAddr]| services.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(",");
        let mut render = Command::new("sh");
        render.args([START, "render"]).env("ROWLOCK_GATEWAY_DIR", folder.path());
        render.env("ROWLOCK_GATEWAY_LISTEN", format!("unix:{}", folder.path().join("gateway.sock").display()));
        for (name, services) in [("AUTH", auth), ("BOOKING", booking), ("NOTIFIER", notifier)] {
            render.env(format!("ROWLOCK_{name}_UPSTREAM"), list(services));
        }
        assert!(render.status().unwrap().success(), "the gateway configuration cannot be written");
        change(&folder.path().join("conf.d/rowlock.conf"), "proxy_read_timeout 30s;", "proxy_read_timeout 1s;");
        let program = std::env::var_os("ROWLOCK_TEST_NGINX").unwrap_or_else(|| "nginx".into());
        let nginx = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            // A single process, so that killing it leaves no worker behind.
            .args(["-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; master_process off; pid nginx.pid;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("nginx is needed for this test; `make test` installs it");
        let gateway = Self { nginx, folder };
        until("the gateway accepts connections", async || gateway.is_open().await).await;
        gateway
    }

    /// Starts nginx with `start.sh`, as the container does. It resolves the names `auth` and `booking` from a file, see
    /// [`SocketGateway::set_names`], and expects the services on this port.
    pub fn in_a_container(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join("tools");
        std::fs::create_dir(&tools).unwrap();
        let getent = tools.join("getent");
        std::fs::write(&getent, "#!/bin/sh\necho >>\"${0%/*}/lookups\"\nsed -n \"s/^$2 //p\" \"${0%/*}/names\" | grep .\n").unwrap();
        std::fs::set_permissions(&getent, Permissions::from_mode(0o755)).unwrap();
        if let Some(program) = std::env::var_os("ROWLOCK_TEST_NGINX") {
            symlink(program, tools.join("nginx")).unwrap();
        }
        let path = format!("{}:{}:/usr/sbin", tools.display(), std::env::var("PATH").unwrap());
        let nginx = Command::new("sh")
            .arg(START)
            .env("PATH", path)
            .env("ROWLOCK_GATEWAY_DIR", folder.path())
            .env("ROWLOCK_GATEWAY_LISTEN", format!("unix:{}", folder.path().join("gateway.sock").display()))
            .env("ROWLOCK_AUTH_UPSTREAM", format!("auth:{port}"))
            .env("ROWLOCK_BOOKING_UPSTREAM", format!("booking:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { nginx, folder }
    }

    /// Replaces the host names that resolve, each with its address.
    pub fn set_names(&self, names: &[(&str, &str)]) {
        let lines: Vec<_> = names.iter().map(|(name, address)| format!("{name} {address}\n")).collect();
        let tools = self.folder.path().join("tools");
        std::fs::write(tools.join("names.new"), lines.concat()).unwrap();
        std::fs::rename(tools.join("names.new"), tools.join("names")).unwrap();
    }

    /// Waits until `start.sh` has resolved the names of its services a few times, and returns whether it has written its
    /// configuration again meanwhile. It reloads nginx whenever it does that.
    pub async fn rewrites_configuration(&self) -> bool {
        let lookups = || std::fs::read(self.folder.path().join("tools/lookups")).unwrap().len();
        let written = || std::fs::metadata(self.folder.path().join("conf.d/rowlock.conf")).unwrap().modified().unwrap();
        let (lookups_before, written_before) = (lookups(), written());
        until("the names are resolved again", async || lookups() >= lookups_before + 6).await;
        written() != written_before
    }

    /// Sends eight requests and returns the distinct response bodies, which name the services that responded. Panics if a
    /// request does not succeed.
    pub async fn responding_services(&self, path: &str) -> BTreeSet<String> {
        let mut bodies = BTreeSet::new();
        for _ in 0..8 {
            let response = self.call("POST", path).await;
            assert_eq!(response.status, 201, "{}", response.body);
            bodies.insert(response.body);
        }
        bodies
    }

    /// Returns whether the gateway accepts connections.
    pub async fn is_open(&self) -> bool {
        UnixStream::connect(self.socket_path()).await.is_ok()
    }

    fn socket_path(&self) -> std::path::PathBuf {
        self.folder.path().join("gateway.sock")
    }

    /// Sends the bytes of a request and parses the response.
    pub async fn send_raw(&self, request: &str) -> GatewayResponse {
        let mut stream = UnixStream::connect(self.socket_path()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a response with a head and a body");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers =
            lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        GatewayResponse { status, headers, body: body.to_owned() }
    }

    /// Sends a request with this method; every method except GET has a small body.
    pub async fn call(&self, method: &str, path: &str) -> GatewayResponse {
        let body = if method == "GET" { "" } else { "{}" };
        let length = body.len();
        self.send_raw(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await
    }
}

/// Response of the gateway.
#[derive(Debug)]
pub struct GatewayResponse {
    /// HTTP status code.
    pub status: u16,
    /// Headers; the names are in lower case.
    pub headers: HashMap<String, String>,
    /// Body as text, unmodified.
    pub body: String,
}

/// Starts a service that responds to every request with its name and the request line, and then closes the connection.
/// Returns its address.
pub async fn start_naming_service(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let count = connection.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..count]).into_owned();
            let line = format!("{name}: {}", text.lines().next().unwrap_or_default());
            let response = format!("HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{line}", line.len());
            connection.write_all(response.as_bytes()).await.unwrap();
        }
    });
    address
}
