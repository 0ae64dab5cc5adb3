//! Tests of the fault-injecting proxy.

use std::time::Duration;

use rowlock_test_support::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Starts a server that echoes what it receives.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn exchange(stream: &mut TcpStream, request: &str) -> Option<String> {
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut response = vec![0; request.len()];
    stream.read_exact(&mut response).await.ok()?;
    String::from_utf8(response).ok()
}

#[tokio::test]
async fn it_forwards_cuts_refuses_and_forwards_again() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream, "hello").await.as_deref(), Some("hello"));
    proxy.cut();
    assert_eq!(exchange(&mut stream, "hello").await, None);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream, "again").await.as_deref(), Some("again"));
    proxy.refuse();
    assert_eq!(exchange(&mut stream, "hello").await, None);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream, "hello").await, None);
    proxy.pass();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream, "last").await.as_deref(), Some("last"));
    assert_eq!(proxy.accepted(), 3);
}

#[tokio::test]
async fn a_paused_proxy_delays_everything_and_loses_nothing() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut stream, "hello").await.as_deref(), Some("hello"));
    proxy.pause();
    assert!(timeout(Duration::from_millis(100), exchange(&mut stream, "frozen")).await.is_err());
    proxy.pass();
    let mut response = [0; 6];
    stream.read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"frozen");
}

#[tokio::test]
async fn a_slow_proxy_delays_each_direction_until_it_passes_again() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.slow(Duration::from_millis(80));
    let start = std::time::Instant::now();
    assert_eq!(exchange(&mut stream, "slowly").await.as_deref(), Some("slowly"));
    assert!(start.elapsed() >= Duration::from_millis(160), "{:?}", start.elapsed());
    proxy.slow(Duration::from_secs(3600));
    assert!(timeout(Duration::from_millis(50), exchange(&mut stream, "never")).await.is_err());
    proxy.pass();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(60), exchange(&mut stream, "fast")).await.unwrap().as_deref(), Some("fast"));
}

#[tokio::test]
async fn a_trap_drops_one_response_and_cuts_only_that_connection() {
    let proxy = Proxy::start(echo().await).await;
    let mut bystander = TcpStream::connect(proxy.address()).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let trap = proxy.cut_after_response_to("COMMIT");
    assert_eq!(exchange(&mut stream, "BEGIN; COM").await.as_deref(), Some("BEGIN; COM"));
    assert_eq!(exchange(&mut stream, "MIT; and more").await, None, "the trap also recognizes bytes split across two chunks");
    timeout(Duration::from_secs(5), trap.wait()).await.unwrap();
    assert_eq!(exchange(&mut bystander, "COMMIT").await.as_deref(), Some("COMMIT"), "the trap triggers only once");
}

#[tokio::test]
async fn a_trap_with_a_marker_cuts_only_the_connection_that_sent_it() {
    let proxy = Proxy::start(echo().await).await;
    let mut bystander = TcpStream::connect(proxy.address()).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(&mut bystander, "marker").await.as_deref(), Some("marker"), "before the trap is set");
    let trap = proxy.cut_before_response("COMMIT", "marker");
    assert_eq!(exchange(&mut bystander, "COMMIT").await.as_deref(), Some("COMMIT"));
    assert_eq!(exchange(&mut stream, "mar").await.as_deref(), Some("mar"));
    assert_eq!(exchange(&mut stream, "ker").await.as_deref(), Some("ker"));
    assert_eq!(exchange(&mut stream, "COMMIT").await, None);
    timeout(Duration::from_secs(5), trap.wait()).await.unwrap();
}
