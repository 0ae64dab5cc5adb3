//! The body of a response that is a live stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use super::metrics::LiveMetrics;
use super::topics::{Source, Subscription};
use super::{Live, StreamGuard, sse};

/// Shortest and longest time after which clients reconnect, in milliseconds. They are spread, because all streams of an instance end
/// together when it stops.
const RECONNECT_MILLIS: (u32, u32) = (500, 2_500);

/// The reaction of a stream to a new state.
pub(super) enum Rendered {
    /// Nothing.
    Nothing,
    /// An update.
    Update(Bytes),
    /// An update after which the stream ends.
    Last(Bytes),
}

/// Selects what a stream sends of the states of its topic.
pub(super) trait View<S> {
    /// Returns what to send now that the state is `state`.
    fn render(&mut self, state: &S) -> Rendered;

    /// Returns when the stream ends in any case.
    fn expires_at(&self) -> Option<Instant> {
        None
    }

    /// Returns the last update of a stream that has reached that time.
    fn expiry(&self) -> Bytes {
        Bytes::new()
    }

    /// Called with each heartbeat. Returns the last update if the stream must end.
    fn check(&self) -> Option<Bytes> {
        None
    }
}

/// A live stream.
pub(super) struct LiveStream<S: Source, V> {
    subscription: Subscription<S>,
    view: V,
    heartbeat: tokio::time::Interval,
    closing: CancellationToken,
    metrics: LiveMetrics,
    guard: StreamGuard,
    /// The field `retry`, until it has been sent.
    retry: Option<String>,
    send_timeout: Duration,
    /// When the server last took a chunk. It takes none while the client accepts no data.
    last_taken: Instant,
}

/// A chunk of the body, and whether others follow.
type Chunk = (Bytes, bool);

impl<S: Source, V: View<S::State> + 'static> LiveStream<S, V> {
    pub(super) fn new(live: &Arc<Live>, subscription: Subscription<S>, view: V, guard: StreamGuard) -> Self {
        let phase = live.next_phase();
        let period = live.settings.heartbeat;
        let mut heartbeat = interval_at(Instant::now() + period.mul_f64(phase), period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (from, to) = RECONNECT_MILLIS;
        let spread = Duration::from_millis((to - from).into()).mul_f64(phase).as_millis();
        Self {
            subscription,
            view,
            heartbeat,
            closing: live.closing.clone(),
            metrics: live.metrics.clone(),
            guard,
            retry: Some(sse::retry(from + u32::try_from(spread).unwrap_or_default())),
            send_timeout: live.settings.send_timeout,
            last_taken: Instant::now(),
        }
    }

    /// Returns the chunks of the body. It ends when the process stops, or after the last update.
    pub(super) fn into_chunks(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(Some(self), |stream| async move {
            let mut stream = stream?;
            let (chunk, has_more) = stream.next().await?;
            stream.last_taken = Instant::now();
            Some((Ok(chunk), has_more.then_some(stream)))
        })
    }

    async fn next(&mut self) -> Option<Chunk> {
        loop {
            let expires_at = self.view.expires_at();
            let expiry = async {
                match expires_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return None,
                () = expiry => return Some((self.view.expiry(), false)),
                state = self.subscription.next() => {
                    if let Some(chunk) = self.render(&state?) {
                        return Some(chunk);
                    }
                }
                _ = self.heartbeat.tick() => return Some(self.view.check().map_or((sse::HEARTBEAT, true), |last| (last, false))),
            }
        }
    }

    fn render(&mut self, state: &S::State) -> Option<Chunk> {
        let (update, has_more) = match self.view.render(state) {
            Rendered::Nothing => return None,
            Rendered::Update(update) => (update, true),
            Rendered::Last(update) => (update, false),
        };
        self.metrics.updated(self.guard.kind);
        let Some(retry) = self.retry.take() else { return Some((update, has_more)) };
        Some(([retry.as_bytes(), &update].concat().into(), has_more))
    }
}

impl<S: Source, V> Drop for LiveStream<S, V> {
    fn drop(&mut self) {
        // The server takes an update as soon as it is there, unless the buffers are full because the client accepts no data.
        if self.subscription.has_next() && self.last_taken.elapsed() >= self.send_timeout / 4 {
            self.metrics.dropped(self.guard.kind);
        }
    }
}
