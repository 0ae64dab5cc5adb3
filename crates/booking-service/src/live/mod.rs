//! Live updates over Server-Sent Events: the availability of an event, and the bookings and waiting-list entries of an account.
//!
//! An instance follows the messages on the events exchange while it has open streams. A message only says which rows changed; the
//! instance then reads the rows itself, at most a few times a second for each event or account, and only if a stream is open for
//! it. A message that is lost therefore only delays an update until the next one. After a reconnection to the broker everything
//! with open streams is read again.
//!
//! Each event or account with open streams is a topic: a `watch` channel that contains the newest state, serialized once for all
//! streams. A stream that is slower than the changes skips states, so nothing is queued for it. A client that accepts no data at
//! all is disconnected by the kernel (`http.send_timeout_ms`).

mod account;
mod event;
mod feed;
mod metrics;
mod queues;
mod settings;
mod sse;
mod stream;
mod topics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{AccountId, EventId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::Caller;
use rowlock_http::problem::Problem;
use rowlock_http::revocations::Revocations;
use rowlock_platform::clock::Clock;
use rowlock_postgres::{DatabaseError, Reader};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use self::account::{AccountSource, AccountView};
use self::event::{EventSource, EventView};
use self::metrics::StreamKind;
use self::queues::MovedQueues;
use self::stream::{LiveStream, View};
use self::topics::{Source, Subscription, Topics};

pub(crate) use self::feed::follow_messages;
pub(crate) use self::metrics::LiveMetrics;
pub(crate) use self::queues::follow_queues;
pub use self::settings::LiveSettings;
use crate::chances::Chances;

/// Maximum number of database connections that live updates use at a time, so that bookings always find one.
const MAX_CONCURRENT_READS: usize = 4;

/// All live streams of this process.
pub(crate) struct Live {
    settings: LiveSettings,
    events: Topics<EventSource>,
    accounts: Topics<AccountSource>,
    /// Events whose waiting lists have moved.
    moved: MovedQueues,
    reads: Reads,
    permits: Arc<Semaphore>,
    /// Number of open streams.
    open: watch::Sender<usize>,
    /// Number of streams opened so far, which spreads their heartbeats.
    opened: AtomicU32,
    /// Cancelled when all streams must end.
    closing: CancellationToken,
    clock: Clock,
    metrics: LiveMetrics,
}

/// Database reads of all topics, of which a few run at a time.
#[derive(Clone)]
struct Reads {
    reader: Reader,
    chances: Chances,
    permits: Arc<Semaphore>,
}

impl Reads {
    /// Waits for a turn. Fails if the process is stopping.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        self.permits.clone().acquire_owned().await.map_err(|error| DatabaseError::Unavailable(error.to_string()))
    }
}

impl Live {
    /// Creates the registry of streams. Must be called within the runtime that reads the topics. `closing` ends all streams.
    pub(crate) fn new(
        settings: LiveSettings,
        reader: Reader,
        chances: Chances,
        clock: Clock,
        metrics: LiveMetrics,
        closing: CancellationToken,
    ) -> Self {
        let reads = Reads { reader, chances, permits: Arc::new(Semaphore::new(MAX_CONCURRENT_READS)) };
        let (runtime, interval) = (Handle::current(), settings.min_interval);
        Self {
            events: Topics::new(EventSource(reads.clone()), interval, runtime.clone()),
            accounts: Topics::new(AccountSource(reads.clone()), interval, runtime),
            moved: MovedQueues::default(),
            reads,
            permits: Arc::new(Semaphore::new(settings.max_streams)),
            open: watch::Sender::new(0),
            opened: AtomicU32::new(0),
            closing,
            clock,
            metrics,
            settings,
        }
    }

    /// Opens a stream of an event's availability.
    ///
    /// # Errors
    ///
    /// Returns the problem 503 if this instance has the maximum number of open streams or is shutting down.
    pub(crate) async fn event_stream(self: &Arc<Self>, event: EventId) -> Result<HttpResponse, Problem> {
        let guard = self.admit(StreamKind::Event)?;
        let mut subscription = self.events.subscribe(event);
        subscription.first().await;
        Ok(self.respond(subscription, EventView, guard))
    }

    /// Opens a stream of the caller's bookings and entries.
    ///
    /// # Errors
    ///
    /// Returns the problem 503 if this instance has the maximum number of open streams or is shutting down.
    pub(crate) async fn account_stream(self: &Arc<Self>, caller: Caller, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let guard = self.admit(StreamKind::Account)?;
        let last_event = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
        let revocations = request.app_data::<web::Data<Revocations>>().cloned();
        let mut subscription = self.accounts.subscribe(caller.sub);
        subscription.first().await;
        let view = AccountView::new(caller, revocations, last_event, self.clock.now());
        Ok(self.respond(subscription, view, guard))
    }

    fn respond<S, V>(self: &Arc<Self>, subscription: Subscription<S>, view: V, guard: StreamGuard) -> HttpResponse
    where
        S: Source,
        V: View<S::State> + Unpin + 'static,
    {
        let stream = LiveStream::new(self, subscription, view, guard);
        HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            // Tells nginx, and proxies that follow its convention, to pass each update on at once.
            .insert_header(("X-Accel-Buffering", "no"))
            .streaming(stream.into_chunks())
    }

    /// Admits a stream, unless the instance has the maximum number of them.
    fn admit(self: &Arc<Self>, kind: StreamKind) -> Result<StreamGuard, Problem> {
        if self.closing.is_cancelled() {
            return Err(Problem::new(ProblemCode::Unavailable, "This instance of the service is shutting down. Connect again."));
        }
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| {
            let detail = "This instance of the service has the maximum number of live streams. Retry in a few seconds, or poll.";
            Problem::new(ProblemCode::Overloaded, detail).retry_after(Duration::from_secs(5))
        })?;
        self.open.send_modify(|open| *open += 1);
        self.metrics.opened(kind);
        Ok(StreamGuard { live: self.clone(), kind, _permit: permit })
    }

    /// Returns a fraction from 0 to 1 of the heartbeat interval, different for successive streams, so that the heartbeats of streams
    /// that were opened together are spread over the interval.
    fn next_phase(&self) -> f64 {
        // The golden ratio spreads successive numbers most evenly.
        (f64::from(self.opened.fetch_add(1, Ordering::Relaxed)) * 0.618_033_988_749_895).fract()
    }

    /// Marks the rows of an event or an account as changed.
    fn mark(&self, event: Option<EventId>, account: Option<AccountId>) {
        if let Some(event) = event {
            self.events.mark(event);
        }
        if let Some(account) = account {
            self.accounts.mark(account);
        }
    }

    /// Marks everything with open streams as changed.
    fn mark_all(&self) {
        self.events.mark_all();
        self.accounts.mark_all();
    }

    /// Ends the streams of an account whose tokens have a version below `lowest_version`.
    fn end_account(&self, account: AccountId, lowest_version: i64) {
        self.accounts.update(account, |state| state.end_below(lowest_version));
    }
}

/// Counts a stream as open until it is dropped.
struct StreamGuard {
    live: Arc<Live>,
    kind: StreamKind,
    _permit: OwnedSemaphorePermit,
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.live.open.send_modify(|open| *open = open.saturating_sub(1));
        self.live.metrics.closed(self.kind);
    }
}
