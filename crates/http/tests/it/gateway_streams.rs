//! Live streams through the gateway.

use std::time::Duration;

use rowlock_test_support::client::Client;
use rowlock_test_support::gateway::Gateway as FrontGateway;
use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::{until, until_some};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::silent;

#[tokio::test(flavor = "multi_thread")]
async fn live_streams_pass_through_the_gateway_without_delay() {
    let system = Plan::default().workers(0).start().await;
    let gateway = FrontGateway::with_settings(&system, &[]).await;
    let (event, ada) = (system.event(3).await, system.user("ada").await);
    let client = Client::new(gateway.url());
    let mut stream = client.follow(&format!("/api/events/{event}/live"), &[]).await;
    let mut own = ada.client.at(gateway.url()).follow("/api/live", &[]).await;
    stream.next().await.unwrap();
    own.next().await.unwrap();
    ada.must_book(&event, 2).await;
    stream.until("two tickets are booked", |update| update.json()["bookedTickets"] == 2).await;
    own.until("the booking is seen", |update| update.name == "bookings" && update.json()["items"][0]["quantity"] == 2).await;
    system.stop().await;
}

#[tokio::test]
async fn one_client_cannot_take_all_live_streams() {
    let service = format!("http://{}", silent().await);
    let gateway = FrontGateway::before_service(&service, &[]).await;
    let authority = gateway.url().trim_start_matches("http://").to_owned();
    let mut streams = Vec::new();
    for number in 0..256 {
        let path = if number % 2 == 0 { "/api/live" } else { "/api/events/1/live" };
        let mut stream = TcpStream::connect(&authority).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: door\r\n\r\n").as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let client = Client::new(gateway.url());
    // nginx counts a stream when it has read the request, which may be a moment after the request was sent.
    let limited = async || {
        let answer = timeout(Duration::from_millis(500), client.get("/api/events/01936f1d-7000-7a11-8b22-3c4d5e6f7003/live")).await;
        answer.ok().filter(|answer| answer.status == 429)
    };
    let answer = until_some("another stream is rejected", limited).await;
    answer.refused(429, "rate-limited");
    assert!(answer.header("retry-after").is_some());
    drop(streams);
    let admitted =
        async || timeout(Duration::from_millis(500), client.get("/api/events/01936f1d-7000-7a11-8b22-3c4d5e6f7003/live")).await.is_err();
    until("closed streams do not count", admitted).await;
}
