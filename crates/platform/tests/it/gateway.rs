//! What the gateway says by itself: with nginx, the configuration of `deploy/gateway`, and services that misbehave.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rowlock_domain::problem::ProblemCode;
use rowlock_test_support::socket_gateway::{Answer, Gateway, friendly};
use rowlock_test_support::wait::until;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// It must be the problem document of this code, to the letter of the closed list.
#[track_caller]
fn is_problem(answer: &Answer, code: ProblemCode) {
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
        is_problem(&gateway.call("GET", path).await, ProblemCode::NotFound);
    }
    is_problem(&gateway.call("TRACE", "/api/events").await, ProblemCode::MethodNotAllowed);
    let too_large = "POST /api/book HTTP/1.1\r\nHost: door\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n";
    is_problem(&gateway.ask(too_large).await, ProblemCode::BodyTooLarge);
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
        is_problem(&gateway.ask(&request).await, ProblemCode::MalformedRequest);
    }
}

#[tokio::test]
async fn a_request_that_did_not_reach_its_service_changed_nothing() {
    let gateway = Gateway::before(away().await).await;

    is_problem(&gateway.call("GET", "/api/events").await, ProblemCode::Unavailable);
    is_problem(&gateway.call("POST", "/api/book").await, ProblemCode::Unavailable);
    is_problem(&gateway.call("POST", "/api/loginaccount").await, ProblemCode::Unavailable);
}

#[tokio::test]
async fn when_the_answer_to_a_change_is_lost_nobody_is_told_that_it_failed() {
    for service in [rude().await, silent().await] {
        let gateway = Gateway::before(service).await;

        is_problem(&gateway.call("POST", "/api/book").await, ProblemCode::OutcomeUnknown);
        is_problem(&gateway.call("PATCH", "/admin/events/1").await, ProblemCode::OutcomeUnknown);
        is_problem(&gateway.call("GET", "/api/events").await, ProblemCode::Unavailable);
    }
}

#[tokio::test]
async fn a_request_with_a_key_whose_answer_is_lost_goes_to_the_next_replica() {
    let gateway = Gateway::before_all(&[rude().await, friendly("friend").await]).await;
    let book = |key: &str| format!("POST /api/book?x=1 HTTP/1.1\r\nHost: door\r\nConnection: close\r\n{key}Content-Length: 2\r\n\r\n{{}}");

    // The replicas take turns; whichever is first, each of these comes to the one that answers.
    for _ in 0..4 {
        let answer = gateway.ask(&book("Idempotency-Key: k\r\n")).await;
        assert_eq!((answer.status, answer.body.as_str()), (201, "friend: POST /api/book?x=1 HTTP/1.1"));
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

        is_problem(&gateway.ask(request).await, ProblemCode::OutcomeUnknown);
    }
}

#[tokio::test]
async fn in_a_container_the_gateway_follows_its_services_as_they_come_and_go() {
    let [one, two] = ["127.0.0.1", "127.0.0.2"];
    let gateway = Gateway::in_a_container(replicas([one, two]).await);
    let asked = |addresses: &[&str]| addresses.iter().map(|&address| address.to_owned()).collect::<BTreeSet<_>>();
    // It starts when there is somebody behind it.
    gateway.names(&[("auth", one), ("booking", one)]);
    until("the gateway accepts connections", async || gateway.is_open().await).await;
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
