//! A TCP proxy in front of a server, for tests of what happens when the network or the server fails.

#![allow(clippy::expect_used, reason = "a test cannot go on without its servers, and says why")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// A proxy on a port of its own on 127.0.0.1. Dropped, it closes everything.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _listener: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    /// Cancelled to cut the connections of the moment; replaced at once for those to come.
    connections: Mutex<CancellationToken>,
    refusing: watch::Sender<bool>,
    paused: watch::Sender<bool>,
    /// How long each piece waits, in each direction.
    delay: watch::Sender<Duration>,
    trap: Mutex<Option<Trap>>,
    accepted: watch::Sender<usize>,
}

/// Waits for a message with these bytes, from the client or from the server.
#[derive(Debug)]
struct Trap {
    needle: Vec<u8>,
    in_answer: bool,
    /// Whether all other connections are cut with it and new ones refused.
    down: bool,
    sprung: Arc<Notify>,
}

impl Shared {
    fn cut(&self) {
        let cut = std::mem::take(&mut *lock(&self.connections));
        cut.cancel();
    }

    fn refuse(&self) {
        self.refusing.send_replace(true);
        self.cut();
    }
}

impl Trap {
    /// Whether the bytes are in what was passed on. `seen` is its end so far, in case they come in two pieces.
    fn is_in(&self, seen: &mut Vec<u8>, data: &[u8]) -> bool {
        seen.extend_from_slice(data);
        let found = !self.needle.is_empty() && seen.windows(self.needle.len()).any(|window| window == self.needle);
        let keep = self.needle.len().saturating_sub(1).min(seen.len());
        seen.drain(..seen.len() - keep);
        found
    }
}

/// Tells when a connection was cut by a trap.
#[derive(Debug)]
pub struct Sprung(Arc<Notify>);

impl Sprung {
    /// Waits until the connection is cut.
    pub async fn wait(&self) {
        self.0.notified().await;
    }
}

impl Proxy {
    /// Starts a proxy in front of `host:port`.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub async fn start(target: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port's number");
        let shared = Arc::new(Shared {
            target: target.into(),
            connections: Mutex::new(CancellationToken::new()),
            refusing: watch::Sender::new(false),
            paused: watch::Sender::new(false),
            delay: watch::Sender::new(Duration::ZERO),
            trap: Mutex::new(None),
            accepted: watch::Sender::new(0),
        });
        let accepting = accept(listener, Arc::clone(&shared));
        Self { address, shared, _listener: AbortOnDropHandle::new(tokio::spawn(accepting)) }
    }

    /// Starts a proxy in front of the server in a URL, and returns the URL that goes through it too.
    ///
    /// # Panics
    ///
    /// When the URL has no host and port.
    pub async fn in_front_of(url: &str) -> (Self, String) {
        let mut through = Url::parse(url).expect("a URL");
        let host = through.host_str().expect("the URL has a host").to_owned();
        let standard = match through.scheme() {
            "amqp" => Some(5672),
            "postgres" | "postgresql" => Some(5432),
            _ => through.port_or_known_default(),
        };
        let port = through.port().or(standard).expect("the URL has a port");
        let proxy = Self::start(format!("{host}:{port}")).await;
        through.set_host(Some("127.0.0.1")).expect("the host can be replaced");
        through.set_port(Some(proxy.address.port())).expect("the port can be replaced");
        (proxy, through.into())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has accepted so far.
    pub fn accepted(&self) -> usize {
        *self.shared.accepted.borrow()
    }

    /// Cuts all connections of the moment. New ones are served.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts all connections and closes every new one at once, like a server that is down.
    pub fn refuse(&self) {
        self.shared.refuse();
    }

    /// Passes nothing on and closes nothing, like a server or a network that is frozen. New connections freeze too.
    pub fn pause(&self) {
        self.shared.paused.send_replace(true);
    }

    /// Passes everything on this much later, in both directions, as over a long and narrow line: while a piece waits,
    /// those behind it wait for it. It holds for the connections of the moment and for new ones.
    pub fn slow(&self, delay: Duration) {
        self.shared.delay.send_replace(delay);
    }

    /// Ends [`Proxy::refuse`], [`Proxy::pause`] and [`Proxy::slow`].
    pub fn pass(&self) {
        self.shared.refusing.send_replace(false);
        self.shared.paused.send_replace(false);
        self.shared.delay.send_replace(Duration::ZERO);
    }

    /// Lets the next client message that contains these bytes (such as `COMMIT`) reach the server, waits for the
    /// server's answer, and cuts that connection without passing the answer on. Happens once.
    pub fn cut_after_answer_to(&self, needle: impl Into<Vec<u8>>) -> Sprung {
        self.set_trap(needle.into(), false, false)
    }

    /// Cuts the connection on which the server's next answer contains these bytes, without passing it on. Happens once.
    pub fn cut_before_answer(&self, needle: impl Into<Vec<u8>>) -> Sprung {
        self.set_trap(needle.into(), true, false)
    }

    /// The same, and from then on all is as after [`Proxy::refuse`].
    pub fn refuse_before_answer(&self, needle: impl Into<Vec<u8>>) -> Sprung {
        self.set_trap(needle.into(), true, true)
    }

    fn set_trap(&self, needle: Vec<u8>, in_answer: bool, down: bool) -> Sprung {
        let sprung = Arc::new(Notify::new());
        *lock(&self.shared.trap) = Some(Trap { needle, in_answer, down, sprung: Arc::clone(&sprung) });
        Sprung(sprung)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        lock(&self.shared.connections).cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        // In this order, a connection that slips past the question is still cut by the one who asked for refusals.
        let cut = lock(&shared.connections).clone();
        if *shared.refusing.borrow() {
            continue;
        }
        shared.accepted.send_modify(|count| *count += 1);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = serve(client, &shared) => {}
            }
        });
    }
}

async fn serve(client: TcpStream, shared: &Shared) {
    unpaused(shared).await;
    let Ok(server) = TcpStream::connect(&shared.target).await else { return };
    // Tests measure time; Nagle's algorithm would add to it.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let caught = Mutex::new(None);
    // The first end of either direction ends both.
    tokio::select! {
        () = to_server(client_in, server_out, shared, &caught) => {}
        () = to_client(server_in, client_out, shared, &caught) => {}
    }
}

async fn to_server(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, shared: &Shared, caught: &Mutex<Option<Arc<Notify>>>) {
    let mut buffer = vec![0; 16 * 1024];
    let mut seen: Vec<u8> = Vec::new();
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        hold_back(shared).await;
        let data = buffer.get(..count).unwrap_or_default();
        if let Some(sprung) = spring(shared, false, &mut seen, data) {
            *lock(caught) = Some(sprung);
        }
        if server.write_all(data).await.is_err() {
            return;
        }
    }
}

async fn to_client(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, shared: &Shared, caught: &Mutex<Option<Arc<Notify>>>) {
    let mut buffer = vec![0; 16 * 1024];
    let mut seen: Vec<u8> = Vec::new();
    while let Ok(count @ 1..) = server.read(&mut buffer).await {
        hold_back(shared).await;
        let data = buffer.get(..count).unwrap_or_default();
        let sprung = lock(caught).take().or_else(|| spring(shared, true, &mut seen, data));
        if let Some(sprung) = sprung {
            sprung.notify_one();
            return;
        }
        if client.write_all(data).await.is_err() {
            return;
        }
    }
}

/// Takes the trap of this direction, if what it waits for is there.
fn spring(shared: &Shared, in_answer: bool, seen: &mut Vec<u8>, data: &[u8]) -> Option<Arc<Notify>> {
    let mut trap = lock(&shared.trap);
    match &*trap {
        Some(set) if set.in_answer == in_answer => {
            let trap = set.is_in(seen, data).then(|| trap.take()).flatten()?;
            if trap.down {
                shared.refuse();
            }
            Some(trap.sprung)
        }
        _ => {
            seen.clear();
            None
        }
    }
}

async fn hold_back(shared: &Shared) {
    let delay = *shared.delay.borrow();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    unpaused(shared).await;
}

async fn unpaused(shared: &Shared) {
    // Cannot fail: the sender lives in `shared`.
    let _ = shared.paused.subscribe().wait_for(|paused| !paused).await;
}
