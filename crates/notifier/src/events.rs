//! Looks up the details of events in booking-service.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use reqwest::StatusCode;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_domain::states::EventStatus;
use rowlock_platform::expiring_cache::ExpiringCache;
use serde::Deserialize;
use url::Url;

/// Maximum number of events that are kept.
const CAPACITY: u32 = 1_000;

/// The details of an event that mails show.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) name: String,
    pub(crate) venue: Option<String>,
    pub(crate) starts_at: Option<Timestamp>,
    time_zone: Option<String>,
    pub(crate) status: EventStatus,
}

impl Event {
    /// Returns the time zone in which people read the event's times.
    pub(crate) fn zone(&self) -> Tz {
        self.time_zone.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
    }
}

/// Client of booking-service. Clones share its connections and its cache.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    http: reqwest::Client,
    base: String,
    cache: ExpiringCache<EventId, Option<Arc<Event>>>,
}

impl Events {
    /// Creates a client of the booking-service at `base` that keeps events for `keep`.
    pub(crate) fn new(http: reqwest::Client, base: &Url, keep: Duration) -> Self {
        Self { http, base: base.as_str().trim_end_matches('/').to_owned(), cache: ExpiringCache::new(keep, CAPACITY) }
    }

    /// Returns an event, or `None` if it was deleted or is a draft.
    pub(crate) async fn look_up(&self, event: EventId) -> Result<Option<Arc<Event>>, String> {
        let load = async { self.load(event).await.map_err(|error| format!("booking-service did not return the event: {error}")) };
        self.cache.get_or_load(event, load).await
    }

    async fn load(&self, event: EventId) -> Result<Option<Arc<Event>>, reqwest::Error> {
        let response = self.http.get(format!("{}/api/events/{event}", self.base)).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        response.error_for_status()?.json().await.map(|event| Some(Arc::new(event)))
    }
}
