//! The client and real servers on this machine.

use std::net::IpAddr;
use std::sync::Mutex;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

fn client(allow_private: bool, resolver: Resolver) -> Client {
    Client { resolver, ..Client::new(TargetPolicy { allow_private }, TIMEOUT, TIMEOUT) }
}

/// Returns a resolver that gives each of these answers once, and the names that were looked up.
fn answering(answers: &[&str]) -> (Resolver, Arc<Mutex<Vec<String>>>) {
    let answers: Vec<IpAddr> = answers.iter().rev().map(|address| address.parse().unwrap()).collect();
    let (answers, asked) = (Mutex::new(answers), Arc::<Mutex<Vec<String>>>::default());
    let log = asked.clone();
    let resolver: Resolver = Arc::new(move |name| {
        log.lock().unwrap().push(name);
        let answer = answers.lock().unwrap().pop();
        Box::pin(async move { Ok(answer.into_iter().collect()) })
    });
    (resolver, asked)
}

fn request(url: &str) -> OutgoingRequest<'_> {
    OutgoingRequest { url, id: "an-id".to_owned(), timestamp: 7, signatures: "v1,x v1,y".to_owned(), body: "{\"type\":\"t\"}" }
}

/// Accepts one connection, reads a request and writes `response`. Returns the request.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, response: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"{\"type\":\"t\"}") {
        let mut chunk = [0; 1_024];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(length) => read.extend_from_slice(&chunk[..length]),
        }
    }
    // The client may have read enough before all is written.
    let _ = stream.write_all(response).await;
    let _ = stream.shutdown().await;
    String::from_utf8(read).unwrap()
}

async fn listener(address: &str) -> (TcpListener, u16) {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn answer_to(response: &'static [u8]) -> (Attempt, String) {
    let (listener, port) = listener("127.0.0.1").await;
    let server = tokio::spawn(async move { serve(listener.accept().await.unwrap().0, response).await });
    let (resolver, _) = answering(&["127.0.0.1"]);
    let url = format!("http://crm.example:{port}/hook?key=1");
    let attempt = client(true, resolver).send(&request(&url)).await;
    (attempt, server.await.unwrap().replace(&port.to_string(), "PORT"))
}

#[tokio::test]
async fn a_request_has_the_headers_of_the_specification() {
    let (attempt, request) = answer_to(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(attempt.result, Ok(Answer { status: 204, body: String::new() }));
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    assert_eq!(lines.next(), Some("POST /hook?key=1 HTTP/1.1"));
    let headers: Vec<_> = lines.collect();
    for expected in [
        "host: crm.example:PORT",
        "content-type: application/json",
        "content-length: 12",
        "webhook-id: an-id",
        "webhook-timestamp: 7",
        "webhook-signature: v1,x v1,y",
        concat!("user-agent: Rowlock/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(headers.contains(&expected), "{expected} is not in {headers:?}");
    }
    assert_eq!(body, "{\"type\":\"t\"}");
}

#[tokio::test]
async fn only_the_beginning_of_a_response_is_read() {
    let endless: &'static [u8] = Vec::leak([b"HTTP/1.1 500 Oops\r\n\r\n".to_vec(), b"\0x\xff".repeat(1_000_000)].concat());
    let (attempt, _) = answer_to(endless).await;
    let answer = attempt.result.unwrap();
    assert_eq!((answer.status, answer.body.chars().count()), (500, MAX_BODY));
    assert!(answer.body.starts_with("\u{fffd}x\u{fffd}"), "{}", answer.body);
    let head: &'static [u8] = Vec::leak([b"HTTP/1.1 200 OK\r\nx: ".to_vec(), b"x".repeat(100_000)].concat());
    let (attempt, _) = answer_to(head).await;
    assert!(attempt.result.unwrap_err().starts_with("the exchange failed"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (attempt, _) = answer_to(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(attempt.result.unwrap().status, 302);
}

#[tokio::test]
async fn the_name_is_resolved_once_and_the_connection_goes_to_the_checked_address() {
    let (first, port) = listener("127.0.0.1").await;
    let second = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let server = tokio::spawn(async move { serve(first.accept().await.unwrap().0, b"HTTP/1.1 200 OK\r\n\r\n").await });
    let (resolver, asked) = answering(&["127.0.0.1", "127.0.0.2"]);
    let url = format!("http://crm.example:{port}/");
    let attempt = client(true, resolver).send(&request(&url)).await;
    assert_eq!(attempt.result.unwrap().status, 200);
    assert_eq!(*asked.lock().unwrap(), ["crm.example"]);
    server.await.unwrap();
    drop(second);
}

#[tokio::test]
async fn a_name_that_leads_into_a_private_network_is_never_contacted() {
    let (listener, port) = listener("127.0.0.1").await;
    for address in ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::1"] {
        let (resolver, asked) = answering(&[address, address]);
        let url = format!("https://crm.example:{port}/");
        let attempt = client(false, resolver).send(&request(&url)).await;
        assert_eq!(attempt.result.unwrap_err(), "the name crm.example has no address in the public Internet");
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
    let (resolver, asked) = answering(&[]);
    let client = client(false, resolver);
    for url in [format!("https://127.0.0.1:{port}/"), format!("https://2130706433:{port}/"), format!("https://[::ffff:7f00:1]:{port}/")] {
        assert_eq!(client.send(&request(&url)).await.result.unwrap_err(), "the URL must lead to an address in the public Internet");
    }
    assert_eq!(client.send(&request("http://crm.example/")).await.result.unwrap_err(), "the URL must begin with https://");
    assert!(asked.lock().unwrap().is_empty());
    // Nobody has connected.
    assert!(timeout(Duration::ZERO, listener.accept()).await.is_err());
}

#[tokio::test]
async fn a_silent_or_absent_server_is_given_up() {
    let (listener, port) = listener("127.0.0.1").await;
    let (resolver, _) = answering(&["127.0.0.1", "127.0.0.1"]);
    let client = Client { timeout: Duration::from_millis(50), ..client(true, resolver) };
    let url = format!("http://crm.example:{port}/");
    assert_eq!(client.send(&request(&url)).await.result.unwrap_err(), "no response within 50ms");
    drop(listener);
    let error = client.send(&request(&url)).await.result.unwrap_err();
    assert!(error.starts_with(&format!("cannot connect to 127.0.0.1:{port}")), "{error}");
    let error = client.send(&request(&url)).await.result.unwrap_err();
    assert_eq!(error, "the name crm.example cannot be resolved: it has no address");
}

#[tokio::test]
async fn only_a_trusted_certificate_for_the_name_is_accepted() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["crm.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap()));
    let (listener, port) = listener("127.0.0.1").await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine").await;
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let trusting = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let (resolver, _) = answering(&["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
    let client = Client { tls: Ok(trusting).into(), ..client(true, resolver) };
    let url = format!("https://crm.example:{port}/");
    assert_eq!(client.send(&request(&url)).await.result, Ok(Answer { status: 200, body: "fine".to_owned() }));
    let other = format!("https://other.example:{port}/");
    let error = client.send(&request(&other)).await.result.unwrap_err();
    assert!(error.starts_with("the connection cannot be encrypted: invalid peer certificate"), "{error}");
    let distrusting = Client { tls: OnceLock::new(), ..client };
    let error = distrusting.send(&request(&url)).await.result.unwrap_err();
    assert!(error.starts_with("the connection cannot be encrypted"), "{error}");
}
