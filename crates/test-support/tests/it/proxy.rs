//! A proxy that cuts, refuses, freezes, and swallows one answer.

use std::time::Duration;

use rowlock_test_support::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A server that sends back what it gets.
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

async fn ask(stream: &mut TcpStream, question: &str) -> Option<String> {
    stream.write_all(question.as_bytes()).await.ok()?;
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer).await.ok()?;
    String::from_utf8(answer).ok()
}

#[tokio::test]
async fn it_passes_cuts_refuses_and_passes_again() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut stream, "hello").await.as_deref(), Some("hello"));
    proxy.cut();
    assert_eq!(ask(&mut stream, "hello").await, None);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut stream, "again").await.as_deref(), Some("again"));
    proxy.refuse();
    assert_eq!(ask(&mut stream, "hello").await, None);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut stream, "hello").await, None);
    proxy.pass();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut stream, "last").await.as_deref(), Some("last"));
    assert_eq!(proxy.accepted(), 3);
}

#[tokio::test]
async fn paused_it_holds_everything_back_and_loses_nothing() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut stream, "hello").await.as_deref(), Some("hello"));
    proxy.pause();
    assert!(timeout(Duration::from_millis(100), ask(&mut stream, "frozen")).await.is_err());
    proxy.pass();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"frozen");
}

#[tokio::test]
async fn slowed_it_delays_each_direction_until_it_passes_again() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.slow(Duration::from_millis(80));
    let start = std::time::Instant::now();
    assert_eq!(ask(&mut stream, "slowly").await.as_deref(), Some("slowly"));
    assert!(start.elapsed() >= Duration::from_millis(160), "{:?}", start.elapsed());
    proxy.slow(Duration::from_secs(3600));
    assert!(timeout(Duration::from_millis(50), ask(&mut stream, "never")).await.is_err());
    proxy.pass();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(60), ask(&mut stream, "fast")).await.unwrap().as_deref(), Some("fast"));
}

#[tokio::test]
async fn it_swallows_the_answer_to_one_message_and_cuts_that_connection_alone() {
    let proxy = Proxy::start(echo().await).await;
    let mut bystander = TcpStream::connect(proxy.address()).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let sprung = proxy.cut_after_answer_to("COMMIT");
    assert_eq!(ask(&mut stream, "BEGIN; COM").await.as_deref(), Some("BEGIN; COM"));
    assert_eq!(ask(&mut stream, "MIT; and more").await, None, "also when the bytes come in two pieces");
    timeout(Duration::from_secs(5), sprung.wait()).await.unwrap();
    assert_eq!(ask(&mut bystander, "COMMIT").await.as_deref(), Some("COMMIT"), "once only");
}
