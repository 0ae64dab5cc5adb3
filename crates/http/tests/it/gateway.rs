//! Responses of the gateway itself: nginx with the configuration of `deploy/gateway` and services that misbehave.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use reqwest::Method;
use rowlock_domain::problem::ProblemCode;
use rowlock_test_support::client::Client;
use rowlock_test_support::gateway::Gateway as FrontGateway;
use rowlock_test_support::socket_gateway::{GatewayResponse, SocketGateway, start_naming_service};
use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Asserts that the response is the problem document of `code`.
#[track_caller]
fn assert_problem(answer: &GatewayResponse, code: ProblemCode) {
    let document: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("not JSON: {}", answer.body));
    assert_eq!(document["code"], code.as_str());
    assert_eq!(document["type"], format!("urn:rowlock:problem:{}", code.as_str()));
    assert_eq!(document["title"], code.title());
    assert_eq!(document["status"], code.status());
    assert!(document["detail"].is_string());
    assert_eq!(answer.status, code.status());
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert!(!answer.headers["x-request-id"].is_empty());
    assert_eq!(answer.headers.contains_key("retry-after"), code.status() == 503);
}

/// Returns an address on which no service listens.
async fn unreachable() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Starts a service that closes each connection without a response.
async fn disconnecting() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 4096]).await;
        }
    });
    address
}

/// Starts services on the same port of several local addresses. Each responds to every request with its address.
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

/// Starts a service that accepts requests and never responds.
pub(crate) async fn silent() -> SocketAddr {
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
async fn the_gateway_rejects_requests_with_problem_documents() {
    let gateway = SocketGateway::before(unreachable().await).await;

    for path in ["/", "/api", "/api/nothing", "/health/ready", "/metrics", "/problem/not-found", "/repeatable/booking/api/book"] {
        assert_problem(&gateway.call("GET", path).await, ProblemCode::NotFound);
    }
    assert_problem(&gateway.call("TRACE", "/api/events").await, ProblemCode::MethodNotAllowed);
    let too_large = "POST /api/book HTTP/1.1\r\nHost: door\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n";
    assert_problem(&gateway.send_raw(too_large).await, ProblemCode::BodyTooLarge);
    // Only pictures may be larger: the gateway waits for the body instead of rejecting it, and then finds no service.
    let picture = |length: usize| {
        let body = "x".repeat(if length > 6 * 1024 * 1024 { 0 } else { length });
        format!("PUT /admin/events/1/image HTTP/1.1\r\nHost: door\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    assert_problem(&gateway.send_raw(&picture(100_000)).await, ProblemCode::Unavailable);
    assert_problem(&gateway.send_raw(&picture(6 * 1024 * 1024 + 1)).await, ProblemCode::BodyTooLarge);
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
        assert_problem(&gateway.send_raw(&request).await, ProblemCode::MalformedRequest);
    }
}

#[tokio::test]
async fn a_request_that_does_not_reach_its_service_is_reported_as_unavailable() {
    let gateway = SocketGateway::before(unreachable().await).await;

    assert_problem(&gateway.call("GET", "/api/events").await, ProblemCode::Unavailable);
    assert_problem(&gateway.call("POST", "/api/book").await, ProblemCode::Unavailable);
    assert_problem(&gateway.call("POST", "/api/loginaccount").await, ProblemCode::Unavailable);
}

#[tokio::test]
async fn a_lost_response_to_a_change_is_reported_as_an_unknown_outcome() {
    for service in [disconnecting().await, silent().await] {
        let gateway = SocketGateway::before(service).await;

        assert_problem(&gateway.call("POST", "/api/book").await, ProblemCode::OutcomeUnknown);
        assert_problem(&gateway.call("PATCH", "/admin/events/1").await, ProblemCode::OutcomeUnknown);
        assert_problem(&gateway.call("GET", "/api/events").await, ProblemCode::Unavailable);
    }
}

#[tokio::test]
async fn a_request_with_a_key_whose_response_is_lost_is_retried_on_the_next_replica() {
    let gateway = SocketGateway::before_all(&[disconnecting().await, start_naming_service("friend").await]).await;
    let book = |key: &str| format!("POST /api/book?x=1 HTTP/1.1\r\nHost: door\r\nConnection: close\r\n{key}Content-Length: 2\r\n\r\n{{}}");

    // nginx rotates the replicas. Whichever is first, each of these requests reaches the one that responds.
    for _ in 0..4 {
        let answer = gateway.send_raw(&book("Idempotency-Key: k\r\n")).await;
        assert_eq!((answer.status, answer.body.as_str()), (201, "friend: POST /api/book?x=1 HTTP/1.1"));
    }

    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(gateway.send_raw(&book("")).await.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 503], "without a key a request is sent once");
}

#[tokio::test]
async fn every_documented_change_with_a_key_is_retried_on_the_next_replica() {
    let gateway = SocketGateway::before_replicas_of_each(&[disconnecting().await, start_naming_service("friend").await]).await;
    let description: Value = serde_json::from_str(include_str!("../../../../deploy/openapi.json")).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let changes: Vec<_> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path)))
        .filter(|(method, _)| ["POST", "PATCH", "PUT", "DELETE"].contains(&method.as_str()))
        .map(|(method, path)| (method, path.replace(['{', '}'], "")))
        .collect();
    assert!(changes.iter().any(|(_, path)| path == "/api/transfers"));

    for (method, path) in changes {
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: door\r\nConnection: close\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\n{{}}");
        // nginx rotates the replicas, so one of two requests reaches the one first that does not respond.
        for _ in 0..2 {
            let answer = gateway.send_raw(&request).await;
            assert_eq!((answer.status, answer.body), (201, format!("friend: {method} {path} HTTP/1.1")));
        }
    }
}

#[tokio::test]
async fn a_request_with_a_key_that_no_replica_answers_ends_as_an_unknown_outcome() {
    for service in [disconnecting().await, silent().await] {
        let gateway = SocketGateway::before_all(&[service, service]).await;

        let request = "POST /api/book HTTP/1.1\r\nHost: door\r\nConnection: close\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\n{}";

        assert_problem(&gateway.send_raw(request).await, ProblemCode::OutcomeUnknown);
    }
}

#[tokio::test]
async fn in_a_container_the_gateway_follows_the_addresses_of_its_services() {
    let [one, two] = ["127.0.0.1", "127.0.0.2"];
    let gateway = SocketGateway::in_a_container(replicas([one, two]).await);
    let asked = |addresses: &[&str]| addresses.iter().map(|&address| address.to_owned()).collect::<BTreeSet<_>>();
    // The gateway starts once its services have addresses.
    gateway.set_names(&[("auth", one), ("booking", one)]);
    until("the gateway accepts connections", async || gateway.is_open().await).await;
    assert_eq!(gateway.responding_services("/api/book").await, asked(&[one]));

    gateway.set_names(&[("auth", one), ("booking", one), ("booking", two)]);
    until("the new replica is asked, too", async || gateway.responding_services("/api/book").await == asked(&[one, two])).await;

    // booking-service has no address at the moment: the gateway keeps the last known ones and still follows auth-service.
    gateway.set_names(&[("auth", two)]);
    until("the other auth-service is asked", async || gateway.responding_services("/api/loginaccount").await == asked(&[two])).await;
    until("both replicas are still asked", async || gateway.responding_services("/api/book").await == asked(&[one, two])).await;

    gateway.set_names(&[("auth", two), ("booking", two)]);
    until("only the replica that is left is asked", async || gateway.responding_services("/api/book").await == asked(&[two])).await;
    assert!(!gateway.rewrites_configuration().await, "nginx is reloaded although no address has changed");
}

/// Starts a service that responds to every request with the request's head.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let count = connection.read(&mut request).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&request[..count]).to_lowercase();
            let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    url
}

/// Returns what the gateway forwards to a service about the client: address and scheme.
async fn forwarded(gateway: &FrontGateway, headers: &[(&str, &str)]) -> (String, String) {
    let answer = Client::new(gateway.url()).send(Method::GET, "/docs/echo", headers, None).await.text;
    let value = |name: &str| {
        let mut lines = answer.lines().filter_map(|line| line.strip_prefix(name));
        let value = lines.next().unwrap_or_default().to_owned();
        assert_eq!(lines.next(), None, "{name} is there once");
        value
    };
    assert_eq!(value("x-real-ip: "), value("x-forwarded-for: "));
    (value("x-forwarded-for: "), value("x-forwarded-proto: "))
}

#[tokio::test]
async fn only_a_trusted_proxy_can_set_the_client_address() {
    let service = echo().await;
    let claims = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https"), ("x-real-ip", "198.51.100.2")];
    let is = |address: &str, scheme: &str| (address.to_owned(), scheme.to_owned());
    for trusted in ["", "192.0.2.0/24", "127.0.0.2, fd00::/8"] {
        let gateway = FrontGateway::before_service(&service, &[("ROWLOCK_TRUSTED_PROXIES", trusted)]).await;
        assert_eq!(forwarded(&gateway, &claims).await, is("127.0.0.1", "http"), "{trusted}");
    }
    let gateway = FrontGateway::before_service(&service, &[("ROWLOCK_TRUSTED_PROXIES", "127.0.0.0/8, 192.0.2.0/24")]).await;
    assert_eq!(forwarded(&gateway, &claims).await, is("198.51.100.1", "https"));
    assert_eq!(forwarded(&gateway, &[]).await, is("127.0.0.1", "http"));
    for (list, client) in [
        ("203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("203.0.113.9, 198.51.100.1, 192.0.2.7", "198.51.100.1"),
        ("2001:db8::1, 192.0.2.7", "2001:db8::1"),
    ] {
        assert_eq!(forwarded(&gateway, &[("x-forwarded-for", list)]).await, is(client, "http"), "{list}");
    }
    for proto in ["ftp", "https, http", "https\"", ""] {
        assert_eq!(forwarded(&gateway, &[("x-forwarded-proto", proto)]).await, is("127.0.0.1", "http"), "{proto}");
    }
}

#[test]
fn an_invalid_list_of_proxies_or_origins_is_rejected_with_one_sentence() {
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/gateway/settings.sh");
    for (check, list, usable) in [
        ("rowlock_networks", "", true),
        ("rowlock_networks", "10.0.0.0/8, 192.0.2.7, ::1, 2001:db8::/32", true),
        ("rowlock_networks", "10.0.0.0/33", false),
        ("rowlock_networks", "10.0.0.256", false),
        ("rowlock_networks", "10.0.0.0/8 192.0.2.7", false),
        ("rowlock_networks", "0.0.0.0/0", false),
        ("rowlock_networks", "proxy.example", false),
        ("rowlock_networks", "1::2::3", false),
        ("rowlock_networks", "10.0.0.1; return 200", false),
        ("rowlock_origins", "https://shop.example, http://localhost:5173", true),
        ("rowlock_origins", "*", false),
        ("rowlock_origins", "https://shop.example/", false),
        ("rowlock_origins", "https://a\" x; \"b", false),
    ] {
        let script = format!(". \"$1\"; {check} \"$2\"");
        let ended = std::process::Command::new("sh").args(["-c", &script, "sh", settings, list]).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.success(), said.lines().count()), (usable, usize::from(!usable)), "{list}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_behind_a_trusted_proxy_have_separate_sign_up_limits() {
    let system = Plan::default().workers(0).auth_setting("limits.create_account_per_address", "2").start().await;
    for (trusted, alone) in [("127.0.0.0/8", true), ("", false)] {
        let gateway = FrontGateway::with_settings(&system, &[("ROWLOCK_TRUSTED_PROXIES", trusted)]).await;
        let mut statuses = BTreeSet::new();
        for client in 1..=6 {
            let (name, address) = (format!("c{client}{alone}"), format!("203.0.113.200, 198.51.100.{client}"));
            let body =
                serde_json::json!({"name": name, "username": name, "email": format!("{name}@example.org"), "password": "correct horse"});
            let headers = [("x-forwarded-for", address.as_str())];
            let answer = Client::new(gateway.url()).send(Method::POST, "/api/createaccount", &headers, Some(body.to_string().into())).await;
            statuses.insert(answer.status);
        }
        assert_eq!(statuses.into_iter().collect::<Vec<_>>(), if alone { vec![201] } else { vec![201, 429] }, "{trusted}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_call_the_api_from_an_allowed_origin_through_the_gateway() {
    let shop = "https://shop.example";
    let plan = Plan::default().workers(0).auth_setting("http.allowed_origins", shop).booking_setting("http.allowed_origins", shop);
    let system = plan.start().await;
    let gateway = FrontGateway::with_settings(&system, &[("ROWLOCK_ALLOWED_ORIGINS", shop)]).await;
    let client = Client::new(gateway.url());
    let wanted = [
        ("origin", shop),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,idempotency-key"),
    ];
    for path in ["/api/book", "/api/loginaccount", "/api/events"] {
        let preflight = client.send(Method::OPTIONS, path, &wanted, None).await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, Some(shop)), "{path}");
        assert!(preflight.header("access-control-allow-methods").unwrap().contains("POST"));
        assert!(preflight.header("access-control-allow-headers").unwrap().contains("Idempotency-Key"));
        let other = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
        let preflight = client.send(Method::OPTIONS, path, &other, None).await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, None), "{path}");
        assert!(preflight.header("allow").is_some_and(|allowed| allowed.ends_with("OPTIONS")), "{path}");
    }
    // The gateway responds to the second one itself.
    for (path, status) in [("/api/events", 200), ("/nothing", 404)] {
        let answer = client.send(Method::GET, path, &[("origin", shop)], None).await;
        let headers = ["access-control-allow-origin", "vary"].map(|name| answer.header(name));
        assert_eq!((answer.status, headers), (status, [Some(shop), Some("Origin")]), "{path}");
        assert!(answer.header("access-control-expose-headers").unwrap().contains("X-Request-Id"));
        assert_eq!(answer.headers.get_all("access-control-allow-origin").iter().count(), 1);
        let other = client.send(Method::GET, path, &[("origin", "https://evil.example")], None).await;
        assert_eq!(other.header("access-control-allow-origin"), None, "{path}");
        assert!(other.header("x-request-id").is_some());
    }
    system.stop().await;
}
