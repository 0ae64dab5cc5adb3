//! TCP proxy in front of a server that injects network and server failures.

#![allow(clippy::expect_used, reason = "a test cannot continue without its servers and reports the cause by panicking")]

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

/// Proxy on a free port of 127.0.0.1. Dropping it closes all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _listener: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    /// Cancelled to cut all open connections, and replaced at the same time by a new token for later connections.
    connections: Mutex<CancellationToken>,
    refusing: watch::Sender<bool>,
    paused: watch::Sender<bool>,
    /// Delay of each chunk, in each direction.
    delay: watch::Sender<Duration>,
    trap: Mutex<Option<ConnectionTrap>>,
    accepted: watch::Sender<usize>,
}

/// One-shot trigger that cuts the connection on which the client or the server sends certain bytes.
#[derive(Debug)]
struct ConnectionTrap {
    needle: Vec<u8>,
    /// Bytes that a client must send first, on the same connection and after the trap was set. Empty if none are needed.
    marker: Vec<u8>,
    in_response: bool,
    /// If true, all other connections are cut too, and new ones are refused.
    refuse_all: bool,
    triggered: Arc<Notify>,
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

/// Returns whether the bytes occur in the forwarded data. `seen` keeps the end of the previous chunk, because the bytes may be
/// split across two chunks.
fn occurs(needle: &[u8], seen: &mut Vec<u8>, data: &[u8]) -> bool {
    seen.extend_from_slice(data);
    let found = !needle.is_empty() && seen.windows(needle.len()).any(|window| window == needle);
    let keep = needle.len().saturating_sub(1).min(seen.len());
    seen.drain(..seen.len() - keep);
    found
}

/// The state that the two directions of a connection share.
#[derive(Debug, Default)]
struct ConnectionState {
    /// Set when the trap was triggered by the client's bytes and waits for the server's response.
    pending: Mutex<Option<Arc<Notify>>>,
    /// The trap whose marker the client has sent.
    marked: Mutex<Option<Arc<Notify>>>,
}

/// Signals that a trap has cut its connection.
#[derive(Debug)]
pub struct TrapSignal(Arc<Notify>);

impl TrapSignal {
    /// Waits until the connection has been cut.
    pub async fn wait(&self) {
        self.0.notified().await;
    }
}

impl Proxy {
    /// Starts a proxy in front of `host:port`.
    ///
    /// # Panics
    ///
    /// Panics if no port can be bound.
    pub async fn start(target: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the listener has an address");
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

    /// Starts a proxy in front of the server in a URL. Also returns that URL with the proxy's address.
    ///
    /// # Panics
    ///
    /// Panics if the URL has no host, or neither a port nor a scheme with a known default port.
    pub async fn in_front_of(url: &str) -> (Self, String) {
        let mut through = Url::parse(url).expect("the URL is valid");
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

    /// Returns the address that the proxy listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of connections accepted so far, without refused ones.
    pub fn accepted(&self) -> usize {
        *self.shared.accepted.borrow()
    }

    /// Cuts all open connections. New connections are forwarded.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts all open connections and closes every new connection immediately, like a server that is down.
    pub fn refuse(&self) {
        self.shared.refuse();
    }

    /// Stops forwarding without closing any connection, like a frozen server or network. New connections freeze too.
    pub fn pause(&self) {
        self.shared.paused.send_replace(true);
    }

    /// Forwards every chunk with this delay, in both directions, as over a link with high latency and low bandwidth: while a
    /// chunk waits, the chunks behind it wait too. Applies to open and new connections.
    pub fn slow(&self, delay: Duration) {
        self.shared.delay.send_replace(delay);
    }

    /// Resumes normal forwarding: undoes [`Proxy::refuse`], [`Proxy::pause`] and [`Proxy::slow`].
    pub fn pass(&self) {
        self.shared.refusing.send_replace(false);
        self.shared.paused.send_replace(false);
        self.shared.delay.send_replace(Duration::ZERO);
    }

    /// Forwards the next client message that contains these bytes (such as `COMMIT`) to the server, waits for the server's
    /// response, and cuts the connection without forwarding the response. Triggers once.
    pub fn cut_after_response_to(&self, needle: impl Into<Vec<u8>>) -> TrapSignal {
        self.set_trap(needle.into(), Vec::new(), false, false)
    }

    /// Cuts the connection on which the server's next response contains these bytes, without forwarding the response. Triggers
    /// once, and only on a connection on which the client has sent `marker` since this call: a service's background work uses
    /// other connections for statements that get the same response.
    pub fn cut_before_response(&self, needle: impl Into<Vec<u8>>, marker: impl Into<Vec<u8>>) -> TrapSignal {
        self.set_trap(needle.into(), marker.into(), true, false)
    }

    /// Like [`Proxy::cut_before_response`], but also refuses connections afterwards, like [`Proxy::refuse`].
    pub fn refuse_before_response(&self, needle: impl Into<Vec<u8>>, marker: impl Into<Vec<u8>>) -> TrapSignal {
        self.set_trap(needle.into(), marker.into(), true, true)
    }

    fn set_trap(&self, needle: Vec<u8>, marker: Vec<u8>, in_response: bool, refuse_all: bool) -> TrapSignal {
        let triggered = Arc::new(Notify::new());
        *lock(&self.shared.trap) = Some(ConnectionTrap { needle, marker, in_response, refuse_all, triggered: Arc::clone(&triggered) });
        TrapSignal(triggered)
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
        // `refuse` sets the flag before it cancels the token, and this takes the token before it reads the flag. A connection
        // that misses the flag is therefore still cut.
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
    wait_until_unpaused(shared).await;
    let Ok(server) = TcpStream::connect(&shared.target).await else { return };
    // Tests measure latency; Nagle's algorithm would add to it.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let state = ConnectionState::default();
    // The proxy closes both directions when either of them ends.
    tokio::select! {
        () = to_server(client_in, server_out, shared, &state) => {}
        () = to_client(server_in, client_out, shared, &state) => {}
    }
}

async fn to_server(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, shared: &Shared, state: &ConnectionState) {
    let mut buffer = vec![0; 16 * 1024];
    let (mut seen, mut seen_for_marker) = (Vec::new(), Vec::new());
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        delay_chunk(shared).await;
        let data = buffer.get(..count).unwrap_or_default();
        look_for_marker(shared, state, &mut seen_for_marker, data);
        if let Some(signal) = trigger(shared, state, false, &mut seen, data) {
            *lock(&state.pending) = Some(signal);
        }
        if server.write_all(data).await.is_err() {
            return;
        }
    }
}

async fn to_client(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, shared: &Shared, state: &ConnectionState) {
    let mut buffer = vec![0; 16 * 1024];
    let mut seen = Vec::new();
    while let Ok(count @ 1..) = server.read(&mut buffer).await {
        delay_chunk(shared).await;
        let data = buffer.get(..count).unwrap_or_default();
        let pending = lock(&state.pending).take();
        if let Some(signal) = pending.or_else(|| trigger(shared, state, true, &mut seen, data)) {
            signal.notify_one();
            return;
        }
        if client.write_all(data).await.is_err() {
            return;
        }
    }
}

/// Records that the client has sent the marker of the trap that is set.
fn look_for_marker(shared: &Shared, state: &ConnectionState, seen: &mut Vec<u8>, data: &[u8]) {
    match &*lock(&shared.trap) {
        Some(trap) if !trap.marker.is_empty() => {
            if occurs(&trap.marker, seen, data) {
                *lock(&state.marked) = Some(Arc::clone(&trap.triggered));
            }
        }
        _ => seen.clear(),
    }
}

impl ConnectionState {
    /// Returns whether the trap may be triggered on this connection.
    fn permits(&self, trap: &ConnectionTrap) -> bool {
        trap.marker.is_empty() || lock(&self.marked).as_ref().is_some_and(|marked| Arc::ptr_eq(marked, &trap.triggered))
    }
}

/// Takes the trap of this direction if the bytes that it waits for have been seen.
fn trigger(shared: &Shared, state: &ConnectionState, in_response: bool, seen: &mut Vec<u8>, data: &[u8]) -> Option<Arc<Notify>> {
    let mut trap = lock(&shared.trap);
    match &*trap {
        Some(set) if set.in_response == in_response && state.permits(set) => {
            let trap = occurs(&set.needle, seen, data).then(|| trap.take()).flatten()?;
            if trap.refuse_all {
                shared.refuse();
            }
            Some(trap.triggered)
        }
        _ => {
            seen.clear();
            None
        }
    }
}

async fn delay_chunk(shared: &Shared) {
    let delay = *shared.delay.borrow();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    wait_until_unpaused(shared).await;
}

async fn wait_until_unpaused(shared: &Shared) {
    // Cannot fail: `shared` owns the sender.
    let _ = shared.paused.subscribe().wait_for(|paused| !paused).await;
}
