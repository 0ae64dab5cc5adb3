//! What the gateway says by itself: with nginx, the configuration of `deploy/gateway`, and services that misbehave.

use std::collections::{BTreeSet, HashMap};
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rowlock_domain::problem::ProblemCode;
use rowlock_test_support::wait::until;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

/// An nginx of its own, at a socket in a folder of its own.
struct Gateway {
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
    async fn before(service: SocketAddr) -> Self {
        Self::before_all(&[service]).await
    }

    /// With several booking-services, in this order, the first of which is also the auth-service.
    async fn before_all(services: &[SocketAddr]) -> Self {
        let service = services[0];
        let booking: Vec<_> = services.iter().map(|address| format!("server {address} max_fails=0;")).collect();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/gateway");
        let folder = tempfile::tempdir().unwrap();
        let patient = std::fs::read_to_string(source.join("rowlock.conf.template")).unwrap();
        let hasty = patient.replace("proxy_read_timeout 30s;", "proxy_read_timeout 1s;");
        assert_ne!(patient, hasty, "the time limit that this test shortens is not there");
        let configuration = hasty
            .replace("${ROWLOCK_GATEWAY_LISTEN}", &format!("unix:{}", folder.path().join("door").display()))
            .replace("${ROWLOCK_AUTH_UPSTREAM}", &service.to_string())
            .replace("server ${ROWLOCK_BOOKING_UPSTREAM} max_fails=3 fail_timeout=2s;", &booking.join(" "));
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
        until("the gateway accepts connections", async || UnixStream::connect(gateway.door()).await.is_ok()).await;
        gateway
    }

    /// As its container runs it, with `start.sh`: it looks the names `auth` and `booking` up in a file, see `names`, and finds
    /// services at this port.
    fn in_a_container(port: u16) -> Self {
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
    fn names(&self, names: &[(&str, &str)]) {
        let lines: Vec<_> = names.iter().map(|(name, address)| format!("{name} {address}\n")).collect();
        let tools = self.folder.path().join("tools");
        std::fs::write(tools.join("names.new"), lines.concat()).unwrap();
        std::fs::rename(tools.join("names.new"), tools.join("names")).unwrap();
    }

    /// Which services answer, when several requests are sent. All of them must be answered.
    async fn who_answers(&self, path: &str) -> BTreeSet<String> {
        let mut answers = BTreeSet::new();
        for _ in 0..8 {
            let answer = self.call("POST", path).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
            answers.insert(answer.body);
        }
        answers
    }

    fn door(&self) -> std::path::PathBuf {
        self.folder.path().join("door")
    }

    /// Sends the bytes of a request and takes the answer apart.
    async fn ask(&self, request: &str) -> Answer {
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
    async fn call(&self, method: &str, path: &str) -> Answer {
        let body = if method == "GET" { "" } else { "{}" };
        let length = body.len();
        self.ask(&format!("{method} {path} HTTP/1.1\r\nHost: door\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")).await
    }
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Answer {
    /// It must be the problem document of this code, to the letter of the closed list.
    #[track_caller]
    fn is_problem(&self, code: ProblemCode) {
        let document: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body));
        assert_eq!(document["code"], code.as_str());
        assert_eq!(document["type"], format!("urn:rowlock:problem:{}", code.as_str()));
        assert_eq!(document["title"], code.title());
        assert_eq!(document["status"], code.status());
        assert!(document["detail"].is_string());
        assert_eq!(self.status, code.status());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert!(!self.headers["x-request-id"].is_empty());
        assert_eq!(self.headers.contains_key("retry-after"), code.status() == 503);
    }
}

/// An address at which nobody listens.
async fn away() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A service that takes requests and hangs up without an answer.
async fn rude() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 4096]).await;
        }
    });
    address
}

/// A service that answers every request with what it was asked, and then hangs up.
async fn friendly() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let count = connection.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..count]).into_owned();
            let line = text.lines().next().unwrap_or_default();
            let answer = format!("HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{line}", line.len());
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

/// Services at the same port of several addresses of this machine. Each answers every request with its address.
async fn replicas<const N: usize>(addresses: [&str; N]) -> u16 {
    let mut port = 0;
    for address in addresses {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        port = listener.local_addr().unwrap().port();
        let answer = format!("HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{address}", address.len());
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.read(&mut [0; 4096]).await;
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
    }
    port
}

/// A service that takes requests and says nothing.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    address
}

#[tokio::test]
async fn what_the_gateway_refuses_is_a_problem_document_of_the_list() {
    let gateway = Gateway::before(away().await).await;

    for path in ["/", "/api", "/api/nothing", "/health/ready", "/metrics", "/problem/not-found", "/repeatable/api/book"] {
        gateway.call("GET", path).await.is_problem(ProblemCode::NotFound);
    }
    gateway.call("TRACE", "/api/events").await.is_problem(ProblemCode::MethodNotAllowed);
    let too_large = "POST /api/book HTTP/1.1\r\nHost: door\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n";
    gateway.ask(too_large).await.is_problem(ProblemCode::BodyTooLarge);
    let long = "x".repeat(9_000);
    for request in [
        "what is this?\r\n\r\n".to_owned(),
        "GET /api/events HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /api/events HTTP/7.0\r\nHost: door\r\n\r\n".to_owned(),
        "POST /api/book HTTP/1.1\r\nHost: door\r\nConnection: close\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(),
        "POST /api/book HTTP/1.1\r\nHost: door\r\nConnection: close\r\nContent-Length: many\r\n\r\n".to_owned(),
        format!("GET /api/events?q={long} HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n"),
        format!("GET /api/events HTTP/1.1\r\nHost: door\r\nConnection: close\r\nAuthorization: {long}\r\n\r\n"),
    ] {
        gateway.ask(&request).await.is_problem(ProblemCode::MalformedRequest);
    }
}

#[tokio::test]
async fn a_request_that_did_not_reach_its_service_changed_nothing() {
    let gateway = Gateway::before(away().await).await;

    gateway.call("GET", "/api/events").await.is_problem(ProblemCode::Unavailable);
    gateway.call("POST", "/api/book").await.is_problem(ProblemCode::Unavailable);
    gateway.call("POST", "/api/loginaccount").await.is_problem(ProblemCode::Unavailable);
}

#[tokio::test]
async fn when_the_answer_to_a_change_is_lost_nobody_is_told_that_it_failed() {
    for service in [rude().await, silent().await] {
        let gateway = Gateway::before(service).await;

        gateway.call("POST", "/api/book").await.is_problem(ProblemCode::OutcomeUnknown);
        gateway.call("PATCH", "/admin/events/1").await.is_problem(ProblemCode::OutcomeUnknown);
        gateway.call("GET", "/api/events").await.is_problem(ProblemCode::Unavailable);
    }
}

#[tokio::test]
async fn a_request_with_a_key_whose_answer_is_lost_goes_to_the_next_replica() {
    let gateway = Gateway::before_all(&[rude().await, friendly().await]).await;
    let book = |key: &str| format!("POST /api/book?x=1 HTTP/1.1\r\nHost: door\r\nConnection: close\r\n{key}Content-Length: 2\r\n\r\n{{}}");

    // The replicas take turns; whichever is first, each of these comes to the one that answers.
    for _ in 0..4 {
        let answer = gateway.ask(&book("Idempotency-Key: k\r\n")).await;
        assert_eq!((answer.status, answer.body.as_str()), (201, "POST /api/book?x=1 HTTP/1.1"));
    }

    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(gateway.ask(&book("")).await.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 503], "without a key a request is sent once");
}

#[tokio::test]
async fn a_request_with_a_key_that_nobody_answers_ends_as_an_unknown_outcome() {
    for service in [rude().await, silent().await] {
        let gateway = Gateway::before_all(&[service, service]).await;

        let request = "POST /api/book HTTP/1.1\r\nHost: door\r\nConnection: close\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\n{}";

        gateway.ask(request).await.is_problem(ProblemCode::OutcomeUnknown);
    }
}

#[tokio::test]
async fn in_a_container_the_gateway_follows_its_services_as_they_come_and_go() {
    let [one, two] = ["127.0.0.1", "127.0.0.2"];
    let gateway = Gateway::in_a_container(replicas([one, two]).await);
    let asked = |addresses: &[&str]| addresses.iter().map(|&address| address.to_owned()).collect::<BTreeSet<_>>();
    // It starts when there is somebody behind it.
    gateway.names(&[("auth", one), ("booking", one)]);
    until("the gateway accepts connections", async || UnixStream::connect(gateway.door()).await.is_ok()).await;
    assert_eq!(gateway.who_answers("/api/book").await, asked(&[one]));

    gateway.names(&[("auth", one), ("booking", one), ("booking", two)]);
    until("the new replica is asked, too", async || gateway.who_answers("/api/book").await == asked(&[one, two])).await;

    // No booking-service has an address at the moment: the gateway keeps those that it knows, and follows auth-service.
    gateway.names(&[("auth", two)]);
    until("the other auth-service is asked", async || gateway.who_answers("/api/loginaccount").await == asked(&[two])).await;
    until("both replicas are still asked", async || gateway.who_answers("/api/book").await == asked(&[one, two])).await;

    gateway.names(&[("auth", two), ("booking", two)]);
    until("only the replica that is left is asked", async || gateway.who_answers("/api/book").await == asked(&[two])).await;
}
