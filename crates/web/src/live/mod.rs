//! Live pages: streams of Server-Sent Events with parts of pages, rendered by the templates that render the whole page.
//!
//! A browser cannot send an access token with an event stream, and all visitors of an event need the same data. This service
//! therefore reads the streams of the API: one for each event that somebody looks at, however many visitors there are, and one for
//! each personal page that is open.

mod events;
mod settings;
mod sse;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::Stream;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::error::PageError;

pub(crate) use events::{EventFeeds, follow_event};
pub use settings::LiveSettings;
pub(crate) use sse::{HEARTBEAT, lost, part};
pub(crate) use upstream::{Update, Upstream};

/// Admits streams to browsers, and ends them when the service stops.
#[derive(Clone)]
pub(crate) struct Live {
    permits: Arc<Semaphore>,
    pub(crate) heartbeat: Duration,
    /// Cancelled when all streams must end.
    pub(crate) closing: CancellationToken,
    metrics: LiveMetrics,
}

/// Metrics of the live pages. Clones share their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveMetrics {
    streams: Gauge,
    /// Streams of the API that are read for the pages of events.
    pub(crate) event_feeds: Gauge,
}

impl LiveMetrics {
    /// Registers the metrics as `live_page…`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("live");
        registry.register("page_streams", "Live streams to browsers that are open", self.streams.clone());
        registry.register("event_feeds", "Live streams of the API that are read for pages of events", self.event_feeds.clone());
    }
}

impl Live {
    pub(crate) fn new(settings: LiveSettings, metrics: LiveMetrics, closing: CancellationToken) -> Self {
        Self { permits: Arc::new(Semaphore::new(settings.max_streams)), heartbeat: settings.heartbeat, closing, metrics }
    }

    /// Admits a stream. Fails if this instance has the maximum number of them, or is stopping.
    pub(crate) fn admit(&self) -> Result<StreamGuard, PageError> {
        let permit = self.permits.clone().try_acquire_owned().ok().filter(|_| !self.closing.is_cancelled());
        let permit = permit.ok_or(PageError::Busy)?;
        self.metrics.streams.inc();
        Ok(StreamGuard { streams: self.metrics.streams.clone(), _permit: permit })
    }
}

/// Counts a stream as open until it is dropped.
pub(crate) struct StreamGuard {
    streams: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.streams.dec();
    }
}

/// Responds with a stream.
pub(crate) fn respond(stream: impl Stream<Item = Result<Bytes, std::convert::Infallible>> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream)
}
