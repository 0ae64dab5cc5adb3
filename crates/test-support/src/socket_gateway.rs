//! A gateway for one test at a socket in a folder: nginx with the configuration of `deploy/gateway`, in front of whatever is given.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test cannot go on without its gateway")]

use std::collections::{BTreeSet, HashMap};
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use crate::wait::until;

/// An nginx of its own, at a socket in a folder of its own.
#[derive(Debug)]
pub struct Gateway {
    nginx: Child,
    folder: TempDir,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It is told rather than killed, so that it ends its workers.
        Command::new("kill").arg(self.nginx.id().to_string()).status().unwrap();
        self.nginx.wait().unwrap();
    }
}

impl Gateway {
    /// With one service in the place of both.
    pub async fn before(service: SocketAddr) -> Self {
        Self::before_all(&[service]).await
    }

    /// With several booking-services, in this order, the first of which is also the auth-service.
    pub async fn before_all(services: &[SocketAddr]) -> Self {
        Self::start(services[0], services).await
    }

    /// With one of each.
    pub async fn before_both(auth: SocketAddr, booking: SocketAddr) -> Self {
        Self::start(auth, &[booking]).await
    }

    async fn start(auth: SocketAddr, services: &[SocketAddr]) -> Self {
        let booking: Vec<_> = services.iter().map(|address| format!("server {address} max_fails=0;")).collect();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/gateway");
        let folder = tempfile::tempdir().unwrap();
        let patient = std::fs::read_to_string(source.join("rowlock.conf.template")).unwrap();
        let hasty = patient.replace("proxy_read_timeout 30s;", "proxy_read_timeout 1s;");
        assert_ne!(patient, hasty, "the time limit that this test shortens is not there");
        let without_lists = hasty
            .lines()
            .filter(|line| !line.contains("_PROXIES}") && !line.contains("_ORIGINS}"))
            .fold(String::new(), |all, line| all + line + "\n");
        let configuration = without_lists
            .replace("${ROWLOCK_GATEWAY_LISTEN}", &format!("unix:{}", folder.path().join("door").display()))
            .replace("${ROWLOCK_AUTH_UPSTREAM}", &auth.to_string())
            .replace("server ${ROWLOCK_BOOKING_UPSTREAM} max_fails=0;", &booking.join(" "));
        assert!(!configuration.contains("${ROWLOCK"), "a name was not filled in");
        std::fs::create_dir(folder.path().join("conf.d")).unwrap();
        std::fs::write(folder.path().join("conf.d/rowlock.conf"), configuration).unwrap();
        std::fs::copy(source.join("nginx.conf"), folder.path().join("nginx.conf")).unwrap();
        let program = std::env::var_os("ROWLOCK_TEST_NGINX").unwrap_or_else(|| "nginx".into());
        let nginx = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            // A single process, so that none is left behind when it is killed.
            .args(["-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; master_process off; pid nginx.pid;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("nginx is needed for this test; «make test» installs it");
        let gateway = Self { nginx, folder };
        until("the gateway accepts connections", async || gateway.is_open().await).await;
        gateway
    }

    /// As its container runs it, with `start.sh`: it looks the names `auth` and `booking` up in a file, see `names`, and finds
    /// services at this port.
    pub fn in_a_container(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join("tools");
        std::fs::create_dir(&tools).unwrap();
        let getent = tools.join("getent");
        std::fs::write(&getent, "#!/bin/sh\nsed -n \"s/^$2 //p\" \"${0%/*}/names\" | grep .\n").unwrap();
        std::fs::set_permissions(&getent, Permissions::from_mode(0o755)).unwrap();
        if let Some(program) = std::env::var_os("ROWLOCK_TEST_NGINX") {
            symlink(program, tools.join("nginx")).unwrap();
        }
        let path = format!("{}:{}:/usr/sbin", tools.display(), std::env::var("PATH").unwrap());
        let nginx = Command::new("sh")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/gateway/start.sh"))
            .env("PATH", path)
            .env("ROWLOCK_GATEWAY_DIR", folder.path())
            .env("ROWLOCK_GATEWAY_LISTEN", format!("unix:{}", folder.path().join("door").display()))
            .env("ROWLOCK_AUTH_UPSTREAM", format!("auth:{port}"))
            .env("ROWLOCK_BOOKING_UPSTREAM", format!("booking:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { nginx, folder }
    }

    /// From now on these are the names that have an address.
    pub fn names(&self, names: &[(&str, &str)]) {
        let lines: Vec<_> = names.iter().map(|(name, address)| format!("{name} {address}\n")).collect();
        let tools = self.folder.path().join("tools");
        std::fs::write(tools.join("names.new"), lines.concat()).unwrap();
        std::fs::rename(tools.join("names.new"), tools.join("names")).unwrap();
    }

    /// Which services answer, when several requests are sent. All of them must be answered.
    pub async fn who_answers(&self, path: &str) -> BTreeSet<String> {
        let mut answers = BTreeSet::new();
        for _ in 0..8 {
            let answer = self.call("POST", path).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
            answers.insert(answer.body);
        }
        answers
    }

    /// Whether it accepts connections.
    pub async fn is_open(&self) -> bool {
        UnixStream::connect(self.door()).await.is_ok()
    }

    fn door(&self) -> std::path::PathBuf {
        self.folder.path().join("door")
    }

    /// Sends the bytes of a request and takes the answer apart.
    pub async fn ask(&self, request: &str) -> Answer {
        let mut stream = UnixStream::connect(self.door()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer with a head and a body");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers =
            lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Answer { status, headers, body: body.to_owned() }
    }

    /// Asks for a route with a method; everything that changes something has a small body.
    pub async fn call(&self, method: &str, path: &str) -> Answer {
        let body = if method == "GET" { "" } else { "{}" };
        let length = body.len();
        self.ask(&format!("{method} {path} HTTP/1.1\r\nHost: door\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")).await
    }
}

/// What the gateway has answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, with their names in lower case.
    pub headers: HashMap<String, String>,
    /// The body to the letter.
    pub body: String,
}

/// A service that answers every request with its name and what it was asked, and then hangs up.
pub async fn friendly(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let count = connection.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..count]).into_owned();
            let line = format!("{name}: {}", text.lines().next().unwrap_or_default());
            let answer = format!("HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{line}", line.len());
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}
