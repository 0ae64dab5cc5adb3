//! Short-lived copies of public data and public pages. Concurrent requests for a copy that has expired share one call of the API, so
//! a hot event costs the API one call a second, however many people look at it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use rowlock_domain::ids::EventId;
use rowlock_domain::states::Language;
use rowlock_platform::expiring_cache::ExpiringCache;

use crate::api::models::{Event, List};
use crate::error::PageError;

/// How long the picture of a link preview is kept. Social networks fetch it once per link.
const KEEP_PREVIEWS: Duration = Duration::from_secs(60);

/// The key of a cached public page: everything that its content depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PageKey {
    /// Path and the parts of the query that the page uses.
    pub(crate) path: String,
    pub(crate) language: Language,
    /// Whether the navigation is that of a signed-in visitor, and of an organizer.
    pub(crate) signed_in: bool,
    pub(crate) is_admin: bool,
}

/// Copies of public data and pages.
#[derive(Clone)]
pub(crate) struct Caches {
    pages: ExpiringCache<PageKey, Bytes>,
    events: ExpiringCache<EventId, Arc<Event>>,
    lists: ExpiringCache<String, Arc<List<Event>>>,
    previews: ExpiringCache<(EventId, Language), Bytes>,
}

impl Caches {
    /// Creates empty caches whose copies live for `keep`. With zero nothing is kept.
    pub(crate) fn new(keep: Duration) -> Self {
        Self {
            pages: ExpiringCache::new(keep, 1_000),
            events: ExpiringCache::new(keep, 5_000),
            lists: ExpiringCache::new(keep, 1_000),
            previews: ExpiringCache::new(KEEP_PREVIEWS, 200),
        }
    }

    /// Returns a rendered page.
    pub(crate) async fn page(&self, key: PageKey, render: impl Future<Output = Result<Bytes, PageError>>) -> Result<Bytes, PageError> {
        Box::pin(self.pages.get_or_load(key, render)).await
    }

    /// Returns an event.
    pub(crate) async fn event(
        &self,
        id: EventId,
        fetch: impl Future<Output = Result<Arc<Event>, PageError>>,
    ) -> Result<Arc<Event>, PageError> {
        Box::pin(self.events.get_or_load(id, fetch)).await
    }

    /// Forgets an event of which a copy has turned out to be stale.
    pub(crate) fn forget_event(&self, id: EventId) {
        self.events.remove(&id);
    }

    /// Returns the picture of an event's link preview.
    pub(crate) async fn preview(
        &self,
        key: (EventId, Language),
        draw: impl Future<Output = Result<Bytes, PageError>>,
    ) -> Result<Bytes, PageError> {
        Box::pin(self.previews.get_or_load(key, draw)).await
    }

    /// Returns a page of the list of events, by its query.
    pub(crate) async fn list(
        &self,
        query: String,
        fetch: impl Future<Output = Result<Arc<List<Event>>, PageError>>,
    ) -> Result<Arc<List<Event>>, PageError> {
        Box::pin(self.lists.get_or_load(query, fetch)).await
    }
}
