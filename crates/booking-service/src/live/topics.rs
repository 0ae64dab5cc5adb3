//! Topics: the events or accounts that have open streams, with their newest states.
//!
//! A topic exists while it has a subscription. A task of the topic reads its state whenever it is marked as stale, and waits for a
//! minimum interval after each read, so that any number of marks in that time cause one read.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rowlock_postgres::DatabaseError;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// Minimum time between a read that failed and the next attempt.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Reasons why the state of a topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The state cannot be serialized.
    #[error(transparent)]
    Serialize(#[from] serde_json::Error),
}

/// Where the states of topics come from.
pub(super) trait Source: Send + Sync + 'static {
    /// Identifies a topic.
    type Key: Copy + Eq + Hash + Send + Sync + 'static;
    /// The state of a topic, which is cheap to clone.
    type State: Clone + Send + Sync + 'static;

    /// Reads the current state of a topic.
    fn read(&self, key: Self::Key) -> impl Future<Output = Result<Self::State, ReadError>> + Send;

    /// Returns the state to publish after `read` was read, or why there is none.
    fn next(current: Option<&Self::State>, read: Self::State) -> Next<Self::State>;
}

/// The consequence of a read.
pub(super) enum Next<S> {
    /// The state is to be published.
    Changed(S),
    /// Nothing has changed.
    Unchanged,
    /// The published state is newer than the one that was read, so it has to be read again.
    Outdated,
}

/// The newest state of a topic. It is `None` until it has been read for the first time.
pub(super) struct Topic<S> {
    state: watch::Sender<Option<S>>,
    stale: Notify,
}

impl<S> Topic<S> {
    fn publish<T: Source<State = S>>(&self, read: S) {
        self.state.send_if_modified(|state| match T::next(state.as_ref(), read) {
            Next::Changed(next) => {
                *state = Some(next);
                true
            }
            Next::Unchanged => false,
            Next::Outdated => {
                self.stale.notify_one();
                false
            }
        });
    }

    /// Replaces the state, if it has been read, by what `change` returns, if anything.
    pub(super) fn update(&self, change: impl FnOnce(&S) -> Option<S>) {
        self.state.send_if_modified(|state| match state.as_ref().and_then(change) {
            Some(next) => {
                *state = Some(next);
                true
            }
            None => false,
        });
    }
}

impl<S: Clone> Topic<S> {
    /// Returns the newest state.
    pub(super) fn current(&self) -> Option<S> {
        self.state.borrow().clone()
    }
}

type OpenTopics<S> = HashMap<<S as Source>::Key, Arc<Topic<<S as Source>::State>>>;

struct Shared<S: Source> {
    source: S,
    open: Mutex<OpenTopics<S>>,
}

impl<S: Source> Shared<S> {
    fn open(&self) -> MutexGuard<'_, OpenTopics<S>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All topics of a source.
pub(super) struct Topics<S: Source> {
    shared: Arc<Shared<S>>,
    interval: Duration,
    runtime: Handle,
}

impl<S: Source> Topics<S> {
    /// Creates an empty set of topics that are read at most once per `interval`, by tasks on `runtime`.
    pub(super) fn new(source: S, interval: Duration, runtime: Handle) -> Self {
        Self { shared: Arc::new(Shared { source, open: Mutex::default() }), interval, runtime }
    }

    /// Subscribes to a topic. The state of a topic that was open before may be outdated if the broker is unavailable, so it is read
    /// again.
    pub(super) fn subscribe(&self, key: S::Key) -> Subscription<S> {
        let mut open = self.shared.open();
        let topic = if let Some(topic) = open.get(&key) {
            topic.stale.notify_one();
            topic.clone()
        } else {
            let topic = Arc::new(Topic { state: watch::Sender::new(None), stale: Notify::new() });
            open.insert(key, topic.clone());
            topic
        };
        let is_first = topic.state.receiver_count() == 0;
        let receiver = topic.state.subscribe();
        if is_first {
            self.runtime.spawn(keep_current(self.shared.clone(), key, topic.clone(), self.interval));
        }
        Subscription { shared: self.shared.clone(), key, topic, receiver: Some(receiver) }
    }

    /// Marks a topic as stale if it is open.
    pub(super) fn mark(&self, key: S::Key) {
        if let Some(topic) = self.shared.open().get(&key) {
            topic.stale.notify_one();
        }
    }

    /// Marks all topics as stale.
    pub(super) fn mark_all(&self) {
        for topic in self.shared.open().values() {
            topic.stale.notify_one();
        }
    }

    /// Changes the state of a topic if it is open and has been read.
    pub(super) fn update(&self, key: S::Key, change: impl FnOnce(&S::State) -> Option<S::State>) {
        if let Some(topic) = self.shared.open().get(&key) {
            topic.update(change);
        }
    }

    /// Returns all topics that are open.
    pub(super) fn all(&self) -> Vec<Arc<Topic<S::State>>> {
        self.shared.open().values().cloned().collect()
    }
}

/// Reads a topic whenever it is stale, until its last subscription has ended.
async fn keep_current<S: Source>(shared: Arc<Shared<S>>, key: S::Key, topic: Arc<Topic<S::State>>, interval: Duration) {
    loop {
        let pause = match shared.source.read(key).await {
            Ok(state) => {
                topic.publish::<S>(state);
                interval
            }
            Err(error) => {
                tracing::debug!(%error, "cannot read the state of a live stream; retrying");
                topic.stale.notify_one();
                interval.max(RETRY_INTERVAL)
            }
        };
        for step in [Some(pause), None] {
            tokio::select! {
                () = topic.state.closed() => return,
                () = async { match step {
                    Some(pause) => sleep(pause).await,
                    None => topic.stale.notified().await,
                } } => {}
            }
        }
    }
}

/// A subscription to a topic.
pub(super) struct Subscription<S: Source> {
    shared: Arc<Shared<S>>,
    key: S::Key,
    topic: Arc<Topic<S::State>>,
    /// `None` only while the subscription is dropped.
    receiver: Option<watch::Receiver<Option<S::State>>>,
}

impl<S: Source> Subscription<S> {
    /// Waits until the topic has been read.
    pub(super) async fn first(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            // The sender is a part of this subscription, so it is not closed.
            let _ = receiver.wait_for(Option::is_some).await;
            receiver.mark_changed();
        }
    }

    /// Waits until there is a state that has not been returned before, and returns it. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<S::State> {
        let receiver = self.receiver.as_mut()?;
        receiver.changed().await.ok()?;
        receiver.borrow_and_update().clone()
    }

    /// Returns whether there is a state that has not been returned.
    pub(super) fn has_next(&self) -> bool {
        self.receiver.as_ref().is_some_and(|receiver| receiver.has_changed().unwrap_or(false))
    }
}

impl<S: Source> Drop for Subscription<S> {
    fn drop(&mut self) {
        // Under the lock, so that nobody subscribes to a topic whose task is about to end.
        let mut open = self.shared.open();
        drop(self.receiver.take());
        if self.topic.state.receiver_count() == 0 {
            open.remove(&self.key);
        }
    }
}
