//! Feeds: for each event that visitors look at, one stream of the API that all of them share.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use rowlock_domain::ids::EventId;
use rowlock_domain::states::Language;
use rowlock_locale::{Locale, Texts};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{interval, sleep};

use super::{HEARTBEAT, Live, LiveMetrics, StreamGuard, Upstream, lost, part};
use crate::api::models::Event;
use crate::api::{Api, Call, Origin};
use crate::pages::event_part;

/// First and longest pause before the API is asked for a stream again.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// The state of a feed.
#[derive(Clone)]
enum EventState {
    /// The part of the page in each language.
    Parts(Arc<[(Language, Bytes)]>),
    /// The API does not report changes at the moment.
    Lost,
    /// The event is not public any more.
    Gone,
}

type Feed = Arc<watch::Sender<Option<EventState>>>;

/// The feeds of all events that somebody looks at.
#[derive(Clone)]
pub(crate) struct EventFeeds {
    open: Arc<Mutex<HashMap<EventId, Feed>>>,
    source: Source,
    runtime: Handle,
}

/// The means of a feed to read and render an event.
#[derive(Clone)]
struct Source {
    api: Api,
    texts: Arc<Texts>,
    clock: rowlock_platform::clock::Clock,
    metrics: LiveMetrics,
}

impl EventFeeds {
    /// Creates an empty set of feeds. Must be called within the runtime that reads them.
    pub(crate) fn new(api: Api, texts: Arc<Texts>, clock: rowlock_platform::clock::Clock, metrics: LiveMetrics) -> Self {
        let source = Source { api, texts, clock, metrics };
        Self { open: Arc::default(), source, runtime: Handle::current() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<EventId, Feed>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribe(&self, id: EventId) -> Subscription {
        let mut open = self.open();
        let feed = open.entry(id).or_insert_with(|| Arc::new(watch::Sender::new(None))).clone();
        let is_first = feed.receiver_count() == 0;
        let mut receiver = feed.subscribe();
        // The state that is already there is new for this visitor.
        receiver.mark_changed();
        if is_first {
            let (source, feed) = (self.source.clone(), feed.clone());
            self.runtime.spawn(async move {
                source.metrics.event_feeds.inc();
                tokio::select! {
                    () = feed.closed() => {}
                    () = source.follow(id, &feed) => {}
                }
                source.metrics.event_feeds.dec();
            });
        }
        Subscription { feeds: self.clone(), id, feed, receiver: Some(receiver) }
    }
}

impl Source {
    /// Follows the stream of the API, and reconnects whenever it ends.
    async fn follow(&self, id: EventId, feed: &Feed) {
        let (first, max) = RECONNECT;
        let mut pause = first;
        loop {
            match self.api.respond(&Call::get(&format!("/api/events/{id}/live")).stream(), &Origin::default()).await {
                Ok(response) => {
                    let mut upstream = Upstream::new(response);
                    while let Some(update) = upstream.next().await {
                        pause = first;
                        let state = match update.name.as_str() {
                            "availability" => self.render(&update.data),
                            "gone" => Some(EventState::Gone),
                            _ => None,
                        };
                        if let Some(state) = state {
                            feed.send_replace(Some(state));
                        }
                    }
                }
                Err(error) if error.code() == "event-not-found" => {
                    feed.send_replace(Some(EventState::Gone));
                }
                Err(error) => tracing::debug!(%error, "cannot follow an event"),
            }
            feed.send_if_modified(|state| match state {
                Some(EventState::Gone | EventState::Lost) => false,
                other => {
                    *other = Some(EventState::Lost);
                    true
                }
            });
            sleep(pause).await;
            pause = (pause * 2).min(max);
        }
    }

    fn render(&self, data: &str) -> Option<EventState> {
        let event: Event =
            serde_json::from_str(data).inspect_err(|error| tracing::warn!(%error, "cannot read an update of an event")).ok()?;
        let now = self.clock.now();
        let parts = Language::ALL.iter().copied().filter_map(|language| {
            let html = event_part(&event, &Locale::new(self.texts.clone(), language), now).ok()?;
            Some((language, part(None, &html)))
        });
        Some(EventState::Parts(parts.collect()))
    }
}

struct Subscription {
    feeds: EventFeeds,
    id: EventId,
    feed: Feed,
    /// `None` only while the subscription is dropped.
    receiver: Option<watch::Receiver<Option<EventState>>>,
}

impl Subscription {
    async fn next(&mut self) -> Option<EventState> {
        let receiver = self.receiver.as_mut()?;
        loop {
            receiver.changed().await.ok()?;
            let state = receiver.borrow_and_update().clone();
            if state.is_some() {
                return state;
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Under the lock, so that nobody subscribes to a feed that is about to end.
        let mut open = self.feeds.open();
        drop(self.receiver.take());
        if self.feed.receiver_count() == 0 {
            open.remove(&self.id);
        }
    }
}

/// Returns the stream of an event for a visitor.
pub(crate) fn follow_event(
    feeds: &EventFeeds,
    live: &Live,
    guard: StreamGuard,
    id: EventId,
    language: Language,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let (mut heartbeat, closing) = (interval(live.heartbeat), live.closing.clone());
    heartbeat.reset();
    unfold((feeds.subscribe(id), heartbeat, guard), move |(mut subscription, mut heartbeat, guard)| {
        let closing = closing.clone();
        async move {
            let chunk = tokio::select! {
                biased;
                () = closing.cancelled() => return None,
                state = subscription.next() => match state? {
                    EventState::Gone => return None,
                    EventState::Lost => lost(),
                    EventState::Parts(parts) => parts.iter().find(|(known, _)| *known == language).map(|(_, part)| part.clone())?,
                },
                _ = heartbeat.tick() => HEARTBEAT,
            };
            Some((Ok(chunk), (subscription, heartbeat, guard)))
        }
    })
}
