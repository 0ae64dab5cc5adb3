//! In-memory cache of the public event responses: entries are at most about a second old, and concurrent misses of the same key
//! share one query.
//!
//! When the sale of an event opens, very many clients reload its page. Each list and each event is read from the database and
//! serialized at most once per cache lifetime.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use moka::future::Cache;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_http::Page;
use rowlock_http::problem::Problem;
use rowlock_inventory::queries::{self, EventCursor, EventFilter};
use rowlock_postgres::Reader;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::resources::EventResource;
use crate::routes::etag_of;

/// Maximum size of each of the two caches (lists and events), in bytes.
const CAPACITY: u64 = 8 * 1024 * 1024;

/// Maximum number of events whose ticket types are cached.
const TYPES: u64 = 10_000;

/// A serialized response body with its ETag.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    body: Bytes,
    etag: String,
}

impl Shown {
    fn new(resource: &impl Serialize, etag: Option<String>) -> Result<Self, Problem> {
        let body = serde_json::to_vec(resource).map_err(|error| Problem::internal(&error))?;
        let etag = etag.unwrap_or_else(|| {
            let hex = Sha256::digest(&body).iter().take(12).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            format!("\"{hex}\"")
        });
        Ok(Self { body: body.into(), etag })
    }

    /// Returns the response: 200 with the body, or 304 if the client already has this version.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let mut response = if has_it(request.headers(), &self.etag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((header::ETAG, self.etag.as_str())).insert_header((header::CACHE_CONTROL, "public, max-age=1"));
        if has_it(request.headers(), &self.etag) {
            return response.finish();
        }
        response.content_type("application/json").body(self.body.clone())
    }

    fn weight(&self) -> u32 {
        u32::try_from(self.body.len() + self.etag.len()).unwrap_or(u32::MAX)
    }
}

/// Returns whether `If-None-Match` contains the ETag or `*`. Tags are compared weakly (RFC 9110, section 13.1.2).
pub(crate) fn has_it(headers: &HeaderMap, etag: &str) -> bool {
    let named = |value: &str| value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag);
    headers.get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok()).any(named)
}

/// Cached reads of public events.
#[derive(Debug)]
pub(crate) struct Reads {
    reader: Reader,
    keep: bool,
    /// Incremented after each administrator's change. It is part of the cache keys, so a read that started before a change
    /// cannot store its stale result under a key that is used after it.
    generation: AtomicU64,
    lists: Cache<(u64, String), Shown>,
    events: Cache<(u64, EventId), Option<Shown>>,
    types: Cache<EventId, Arc<[TicketTypeId]>>,
}

impl Reads {
    /// Creates a cache whose entries live for `keep_for`. Zero disables caching of lists and events.
    pub(crate) fn new(reader: Reader, keep_for: Duration) -> Self {
        let lists = Cache::builder().max_capacity(CAPACITY).weigher(|_, shown: &Shown| shown.weight());
        let events = Cache::builder().max_capacity(CAPACITY).weigher(|_, shown: &Option<Shown>| shown.as_ref().map_or(1, Shown::weight));
        let time = keep_for.max(Duration::from_millis(1));
        Self {
            reader,
            keep: !keep_for.is_zero(),
            generation: AtomicU64::new(0),
            lists: lists.time_to_live(time).build(),
            events: events.time_to_live(time).build(),
            types: Cache::new(TYPES),
        }
    }

    /// Invalidates all cached responses, so that this process immediately serves what an administrator has just changed; other
    /// processes follow within the cache lifetime. Call it after the commit.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.lists.invalidate_all();
        self.events.invalidate_all();
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Returns a page of public events.
    pub(crate) async fn list(&self, filter: &EventFilter, cursor: Option<EventCursor>, limit: i64) -> Result<Shown, Problem> {
        let read = async {
            let rows = self.reader.run(async |conn| queries::list_events(conn, filter, cursor, limit + 1).await).await?;
            let page = Page::cut(rows, limit, |row| EventCursor::behind(&row.event), |row| EventResource::from(&row));
            Shown::new(&page, None)
        };
        let key = serde_json::to_string(&(filter.q.as_ref(), filter.period, filter.from, filter.to, cursor, limit))
            .map_err(|error| Problem::internal(&error))?;
        self.kept(&self.lists, (self.generation(), key), read).await
    }

    /// Returns an event that is or was public, or `None`.
    pub(crate) async fn event(&self, id: EventId) -> Result<Option<Shown>, Problem> {
        let read = async {
            let event = self.reader.run(async |conn| queries::event(conn, id).await).await?;
            let public = event.filter(|row| row.event.published_at.is_some());
            public.map(|row| Shown::new(&EventResource::from(&row), Some(etag_of(&row)))).transpose()
        };
        self.kept(&self.events, (self.generation(), id), read).await
    }

    /// Returns the ticket types of a public event; empty if the event is unknown. An event's ticket types never change, so these
    /// entries do not expire.
    pub(crate) async fn ticket_types(&self, id: EventId) -> Result<Arc<[TicketTypeId]>, Problem> {
        if let Some(types) = self.types.get(&id).await {
            return Ok(types);
        }
        let types: Arc<[TicketTypeId]> = self.reader.run(async |conn| queries::ticket_type_ids(conn, id).await).await?.into();
        if !types.is_empty() {
            self.types.insert(id, types.clone()).await;
        }
        Ok(types)
    }

    /// Returns the cached value, or loads it once on behalf of all concurrent callers (single flight).
    async fn kept<K, V>(&self, cache: &Cache<K, V>, key: K, read: impl Future<Output = Result<V, Problem>>) -> Result<V, Problem>
    where
        K: std::hash::Hash + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        if !self.keep {
            return read.await;
        }
        match cache.get(&key).await {
            Some(kept) => Ok(kept),
            None => cache.try_get_with(key, read).await.map_err(|problem| (*problem).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn who_has_it_is_told_by_any_of_the_tags() {
        for (value, has) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false), ("a", false), ("", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static("if-none-match"), HeaderValue::from_str(value).unwrap());
            assert_eq!(has_it(&headers, "\"a\""), has, "{value}");
        }
    }
}
