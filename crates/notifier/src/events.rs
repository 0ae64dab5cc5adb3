//! Looks up the details of events in booking-service.

use std::sync::Arc;
use std::time::Duration;

use chrono::SecondsFormat;
use chrono_tz::Tz;
use reqwest::header::ETAG;
use reqwest::{Response, StatusCode};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::states::EventStatus;
use rowlock_platform::expiring_cache::ExpiringCache;
use serde::Deserialize;
use url::Url;

use crate::holders::ListPage;

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
    pub(crate) time_zone: Option<String>,
    /// How long tickets are offered to a party of the waiting list, if it does not get them at once.
    #[serde(default)]
    pub(crate) offer_minutes: Option<i64>,
    pub(crate) status: EventStatus,
    #[serde(default)]
    pub(crate) ticket_types: Vec<TicketType>,
    /// The version that the response had, so that a cached one can be told apart. It is 0 in a list.
    #[serde(skip)]
    pub(crate) version: i64,
}

/// A type of tickets of an event.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TicketType {
    pub(crate) id: TicketTypeId,
    pub(crate) name: String,
}

impl Event {
    /// Returns the name of a ticket type, if the event has several, so that it says more than the number of tickets.
    pub(crate) fn type_name(&self, id: Option<TicketTypeId>) -> Option<&str> {
        let known = self.ticket_types.iter().find(|known| Some(known.id) == id);
        known.filter(|_| self.ticket_types.len() > 1).map(|known| known.name.as_str())
    }

    /// Returns the time zone in which people read the event's times.
    pub(crate) fn zone(&self) -> Tz {
        zone_of(self.time_zone.as_deref())
    }
}

/// Returns the zone with a name, or UTC if it is absent or unknown to this build.
pub(crate) fn zone_of(name: Option<&str>) -> Tz {
    name.and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

/// Returns the version in the ETag of an event, which is `"VERSION.CONTENT"`, or 0 if there is none.
fn version_of(response: &Response) -> i64 {
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    tag.trim_matches('"').split('.').next().and_then(|version| version.parse().ok()).unwrap_or_default()
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
        let response = response.error_for_status()?;
        let version = version_of(&response);
        let event: Event = response.json().await?;
        Ok(Some(Arc::new(Event { version, ..event })))
    }

    /// Returns a page of the published events that start up to `to` and have not ended at `from`, ordered by start.
    pub(crate) async fn starting(&self, from: Timestamp, to: Timestamp, cursor: Option<&str>) -> Result<ListPage<Event>, String> {
        let failed = |error: reqwest::Error| format!("booking-service did not return the events: {error}");
        let time = |time: Timestamp| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let query =
            [("from", time(from)), ("to", time(to)), ("limit", "100".to_owned()), ("cursor", cursor.unwrap_or_default().to_owned())];
        let response = self.http.get(format!("{}/api/events", self.base)).query(&query).send().await.map_err(failed)?;
        response.error_for_status().map_err(failed)?.json().await.map_err(failed)
    }
}
