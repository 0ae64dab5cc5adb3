//! In-memory cache of the public event responses: entries are at most about a second old, and concurrent misses of the same key
//! share one query.
//!
//! When the sale of an event opens, very many clients reload its page. Each list and each event is read from the database and
//! serialized at most once per cache lifetime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::header::{self, ETag, EntityTag};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use quick_cache::sync::Cache;
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_http::Page;
use rowlock_http::problem::Problem;
use rowlock_inventory::pictures::{self, PictureSize};
use rowlock_inventory::queries::{self, EventCursor, EventFilter};
use rowlock_platform::expiring_cache::ExpiringCache;
use rowlock_postgres::Reader;
use serde::Serialize;

use crate::etag::{content_etag, event_etag, if_none_match};
use crate::resources::{EventResource, QueueLogResource};

/// Maximum size of each of the caches of lists, of events and of queue logs, in bytes.
const MAX_CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Expected number of responses in each of the caches of lists and of events, which sizes their tables.
const EXPECTED_BODIES: u32 = 1_000;

/// Expected number of cached pages of queue logs.
const EXPECTED_PAGES_OF_LOGS: u32 = 200;

/// Maximum size of the cached pictures, in bytes.
const MAX_PICTURE_BYTES: u64 = 32 * 1024 * 1024;

/// Expected number of cached pictures.
const EXPECTED_PICTURES: u32 = 200;

/// The version and the JPEG file of a picture, if the event has one.
pub(crate) type CachedPicture = Option<(String, Bytes)>;

fn picture_size(cached: Option<&CachedPicture>) -> u64 {
    let size = cached.and_then(Option::as_ref).map_or(1, |(_, jpeg)| jpeg.len());
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Maximum number of events whose ticket types are cached.
const MAX_EVENTS_WITH_TYPES: usize = 10_000;

/// A serialized response body with its ETag.
#[derive(Debug, Clone)]
pub(crate) struct CachedBody {
    body: Bytes,
    etag: EntityTag,
}

impl CachedBody {
    /// Serializes a resource. Without `etag`, the ETag is a hash of the body.
    fn new(resource: &impl Serialize, etag: Option<EntityTag>) -> Result<Self, Problem> {
        let body = serde_json::to_vec(resource).map_err(|error| Problem::internal(&error))?;
        let etag = etag.unwrap_or_else(|| content_etag(&body));
        Ok(Self { body: body.into(), etag })
    }

    /// Returns the response: 200 with the body, or 304 if the client already has this version.
    pub(crate) fn respond(&self, request: &HttpRequest) -> HttpResponse {
        let is_known = if_none_match(request, &self.etag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header(ETag(self.etag.clone())).insert_header((header::CACHE_CONTROL, "public, max-age=1"));
        if is_known { response.finish() } else { response.content_type("application/json").body(self.body.clone()) }
    }

    fn size(&self) -> u64 {
        u64::try_from(self.body.len() + self.etag.tag().len()).unwrap_or(u64::MAX)
    }
}

/// Cached reads of public events.
#[derive(Debug)]
pub(crate) struct PublicEventCache {
    reader: Reader,
    /// Incremented after each administrator's change. It is part of the cache keys, so a read that started before a change
    /// cannot store its stale result under a key that is used after it. Entries of older generations are never read again and
    /// are evicted when room is needed.
    generation: AtomicU64,
    lists: ExpiringCache<(u64, String), CachedBody>,
    events: ExpiringCache<(u64, EventId), Option<CachedBody>>,
    queue_logs: ExpiringCache<(u64, TypeKey, i64, i64), Option<CachedBody>>,
    pictures: ExpiringCache<(u64, EventId, PictureSize), Option<CachedPicture>>,
    types: Cache<EventId, Arc<[TicketTypeId]>>,
}

impl PublicEventCache {
    /// Creates a cache whose entries live for `time_to_live`. Zero disables caching of lists and events.
    pub(crate) fn new(reader: Reader, time_to_live: Duration) -> Self {
        Self {
            reader,
            generation: AtomicU64::new(0),
            lists: ExpiringCache::weighted(time_to_live, EXPECTED_BODIES, MAX_CACHE_BYTES, CachedBody::size),
            events: ExpiringCache::weighted(time_to_live, EXPECTED_BODIES, MAX_CACHE_BYTES, |cached| {
                cached.as_ref().map_or(1, CachedBody::size)
            }),
            queue_logs: ExpiringCache::weighted(time_to_live, EXPECTED_PAGES_OF_LOGS, MAX_CACHE_BYTES, |cached| {
                cached.as_ref().map_or(1, CachedBody::size)
            }),
            pictures: ExpiringCache::weighted(time_to_live, EXPECTED_PICTURES, MAX_PICTURE_BYTES, |cached| picture_size(cached.as_ref())),
            types: Cache::new(MAX_EVENTS_WITH_TYPES),
        }
    }

    /// Invalidates all cached responses, so that this process immediately serves what an administrator has just changed; other
    /// processes follow within the cache lifetime. Call it after the commit.
    pub(crate) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Returns a page of public events.
    pub(crate) async fn list(&self, filter: &EventFilter, cursor: Option<EventCursor>, limit: i64) -> Result<CachedBody, Problem> {
        let read = async {
            let rows = self.reader.run(async |conn| queries::list_events(conn, filter, cursor, limit + 1).await).await?;
            let page = Page::cut(rows, limit, |row| EventCursor::after(&row.event), |row| EventResource::from(&row));
            CachedBody::new(&page, None)
        };
        let key = serde_json::to_string(&(filter.q.as_ref(), filter.period, filter.from, filter.to, cursor, limit))
            .map_err(|error| Problem::internal(&error))?;
        self.lists.get_or_load((self.generation(), key), read).await
    }

    /// Returns an event that is or was public, or `None`.
    pub(crate) async fn event(&self, id: EventId) -> Result<Option<CachedBody>, Problem> {
        let read = async {
            let event = self.reader.run(async |conn| queries::event(conn, id).await).await?;
            let public = event.filter(|row| row.event.published_at.is_some());
            public.map(|row| CachedBody::new(&EventResource::from(&row), Some(event_etag(&row)))).transpose()
        };
        self.events.get_or_load((self.generation(), id), read).await
    }

    /// Returns a page of the queue log of a ticket type, or `None` if the event is unknown or not public.
    pub(crate) async fn queue_log(&self, key: TypeKey, after: i64, limit: i64) -> Result<Option<CachedBody>, Problem> {
        let read = async {
            let page = self.reader.run(async |conn| queries::queue_log(conn, key, after, limit).await).await?;
            page.map(|page| CachedBody::new(&QueueLogResource::new(key.ticket_type, &page), None)).transpose()
        };
        self.queue_logs.get_or_load((self.generation(), key, after, limit), read).await
    }

    /// Returns the version and the file of the picture of a public event, with an inner `None` if it has none. Returns `None` if the
    /// event is unknown or not public.
    pub(crate) async fn picture(&self, id: EventId, size: PictureSize) -> Result<Option<CachedPicture>, Problem> {
        let read = async {
            let stored = self.reader.run(async |conn| pictures::read(conn, id, size).await).await?;
            let public = stored.filter(|stored| stored.is_public);
            Ok(public.map(|stored| stored.file.map(|(version, jpeg)| (version, Bytes::from(jpeg)))))
        };
        self.pictures.get_or_load((self.generation(), id, size), read).await
    }

    /// Returns the ticket types of a public event; empty if the event is unknown. An event's ticket types never change, so these
    /// entries do not expire.
    pub(crate) async fn ticket_types(&self, id: EventId) -> Result<Arc<[TicketTypeId]>, Problem> {
        if let Some(types) = self.types.get(&id) {
            return Ok(types);
        }
        let types: Arc<[TicketTypeId]> = self.reader.run(async |conn| queries::ticket_type_ids(conn, id).await).await?.into();
        if !types.is_empty() {
            self.types.insert(id, types.clone());
        }
        Ok(types)
    }
}
