//! Certificates, and a TLS terminator in front of a test server that tests a client against any certificate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test cannot continue without its servers and reports the cause by panicking"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// An authority that issues certificates.
#[derive(Debug)]
pub struct Authority {
    /// The certificate of the authority in PEM format.
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, both in PEM format.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Authority {
    /// Creates an authority.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate for a host, or for a client of that name.
    pub fn issue(&self, name: &str) -> Issued {
        self.sign(name, CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// Issues a certificate for a host that expired in 2020.
    pub fn issue_expired(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        self.sign(name, params)
    }

    fn sign(&self, name: &str, mut params: CertificateParams) -> Issued {
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Issued { certificate: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// Returns the configuration of a server with this certificate. With `clients`, it demands a certificate of that authority.
pub fn server_config(certificate: &Issued, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()];
    builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap()).unwrap()
}

/// A server that decrypts connections and forwards them to PostgreSQL or RabbitMQ. Dropping it closes all its connections.
#[derive(Debug)]
pub struct TlsTerminator {
    /// The URL of the server behind, with the name `localhost` and the port of the terminator.
    pub url: Url,
    encrypted: Arc<AtomicUsize>,
    _listener: AbortOnDropHandle<()>,
}

/// The reaction to a client that wants to encrypt its connection.
#[derive(Clone)]
enum Reaction {
    /// Starts the handshake at once, as RabbitMQ does.
    Handshake(TlsAcceptor),
    /// Starts the handshake when the client has requested it, as PostgreSQL does.
    RequestedHandshake(TlsAcceptor),
    /// Refuses the request, as PostgreSQL without `ssl` does, and forwards the connection unencrypted.
    Refusal,
}

/// PostgreSQL's `SSLRequest`: its length and its code.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

impl TlsTerminator {
    /// Starts a terminator in front of RabbitMQ. The scheme of its URL is `amqps`.
    pub async fn in_front_of_rabbitmq(url: &str, config: ServerConfig) -> Self {
        let url = url.replacen("amqp://", "amqps://", 1);
        Self::start(&url, 5672, Reaction::Handshake(Arc::new(config).into())).await
    }

    /// Starts a terminator in front of PostgreSQL.
    pub async fn in_front_of_postgres(url: &str, config: ServerConfig) -> Self {
        Self::start(url, 5432, Reaction::RequestedHandshake(Arc::new(config).into())).await
    }

    /// Starts a proxy in front of PostgreSQL that refuses to encrypt connections.
    pub async fn refusing_in_front_of_postgres(url: &str) -> Self {
        Self::start(url, 5432, Reaction::Refusal).await
    }

    async fn start(url: &str, standard_port: u16, reaction: Reaction) -> Self {
        let mut url = Url::parse(url).expect("the URL is valid");
        let server = (url.host_str().expect("the URL has a host").to_owned(), url.port().unwrap_or(standard_port));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address: SocketAddr = listener.local_addr().expect("the listener has an address");
        url.set_host(Some("localhost")).expect("the host can be replaced");
        url.set_port(Some(address.port())).expect("the port can be replaced");
        let encrypted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&encrypted);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(forward(client, server.clone(), reaction.clone(), Arc::clone(&counter)));
            }
        });
        Self { url, encrypted, _listener: AbortOnDropHandle::new(accepting) }
    }

    /// Returns the number of connections that were encrypted so far.
    pub fn encrypted(&self) -> usize {
        self.encrypted.load(Ordering::SeqCst)
    }
}

/// Forwards one connection. An error ends it, as a server that loses a connection would.
async fn forward(mut client: TcpStream, server: (String, u16), reaction: Reaction, encrypted: Arc<AtomicUsize>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let acceptor = match reaction {
        Reaction::Handshake(acceptor) => acceptor,
        Reaction::RequestedHandshake(acceptor) => {
            read_request(&mut client).await?;
            client.write_all(b"S").await?;
            acceptor
        }
        Reaction::Refusal => {
            read_request(&mut client).await?;
            client.write_all(b"N").await?;
            let mut server = TcpStream::connect(server).await?;
            return copy_bidirectional(&mut client, &mut server).await.map(drop);
        }
    };
    let mut client = acceptor.accept(client).await?;
    encrypted.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn read_request(client: &mut TcpStream) -> std::io::Result<()> {
    let mut request = [0; SSL_REQUEST.len()];
    client.read_exact(&mut request).await?;
    if request == SSL_REQUEST { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}
