//! The live streams of pages: the tickets of an event for everybody, and the personal lists of a visitor.

use std::convert::Infallible;
use std::future::Future;

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::Stream;
use futures_util::stream::unfold;
use rowlock_domain::ids::{BookingId, EventId};
use tokio::time::{Instant, interval, sleep_until};

use super::{event, queue, reservation, tickets};
use crate::api::Call;
use crate::error::PageError;
use crate::live::{HEARTBEAT, StreamGuard, Update, Upstream, follow_event, lost, part, respond};
use crate::visitor::Visitor;

/// Follows the tickets of an event.
pub(crate) async fn event(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    event::fetch(&visitor, id).await?;
    let guard = visitor.site.live.admit()?;
    Ok(respond(follow_event(&visitor.site.feeds, &visitor.site.live, guard, id, visitor.language())))
}

/// State that a stream keeps between its updates.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The latest list of bookings, if the page needs it together with another one.
    bookings: Option<String>,
    /// The latest list of waiting-list entries.
    entries: Option<String>,
    /// The changes of the entries while the page was open.
    seen: Option<queue::Seen>,
    /// When the latest update is rendered again, because what it shows arrives later.
    pub(crate) again_at: Option<Instant>,
}

/// Follows the bookings of the visitor.
pub(crate) async fn tickets(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, PageError> {
    follow_account(visitor, &request, async |visitor, _, update| match update.name.as_str() {
        "bookings" => tickets::live_part(visitor, &update.data).await,
        _ => Ok(None),
    })
    .await
}

/// Follows a reservation of the visitor.
pub(crate) async fn reservation(visitor: Visitor, id: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    follow_account(visitor, &request, async move |visitor, _, update| match update.name.as_str() {
        "bookings" => reservation::live_part(visitor, &update.data, id).await,
        _ => Ok(None),
    })
    .await
}

/// Follows the waiting-list entries of the visitor, and the bookings with the offers that they became.
pub(crate) async fn queue(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, PageError> {
    follow_account(visitor, &request, async |visitor, kept, update| {
        let seen = kept.seen.get_or_insert_with(|| queue::Seen::by(visitor));
        match update.name.as_str() {
            "promoted" => seen.promoted(&update.data),
            "bookings" => kept.bookings = Some(update.data.clone()),
            "waitlist" => kept.entries = Some(update.data.clone()),
            _ => return Ok(None),
        }
        match (&kept.entries, &kept.bookings) {
            (Some(entries), Some(bookings)) if update.name != "promoted" => queue::live_part(visitor, entries, bookings, seen).await,
            _ => Ok(None),
        }
    })
    .await
}

/// Opens the visitor's stream of the API, and passes on what `render` makes of its updates. The second argument of `render` is kept
/// between its calls.
async fn follow_account<R>(visitor: Visitor, request: &HttpRequest, render: R) -> Result<HttpResponse, PageError>
where
    R: AsyncFn(&Visitor, &mut Kept, &Update) -> Result<Option<String>, PageError> + 'static,
{
    let last_event = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let call = Call::get("/api/live").stream();
    let call = last_event.map_or(call.clone(), |id| call.last_event(id));
    follow(visitor, call, render).await
}

/// Opens a stream of the API in the visitor's name, and passes on what `render` makes of its updates. The second argument of `render`
/// is kept between its calls.
pub(crate) async fn follow<R>(visitor: Visitor, call: Call<'_>, render: R) -> Result<HttpResponse, PageError>
where
    R: AsyncFn(&Visitor, &mut Kept, &Update) -> Result<Option<String>, PageError> + 'static,
{
    let guard = visitor.site.live.admit()?;
    // A browser would follow the redirect to the sign-in, and expect a stream there.
    let response = visitor.respond(call).await.map_err(|error| match error {
        PageError::SignInNeeded { .. } => PageError::SessionNeeded,
        other => other,
    })?;
    Ok(respond(personal_stream(visitor, Upstream::new(response), guard, render)))
}

fn personal_stream<R>(visitor: Visitor, upstream: Upstream, guard: StreamGuard, render: R) -> impl Stream<Item = Result<Bytes, Infallible>>
where
    R: AsyncFn(&Visitor, &mut Kept, &Update) -> Result<Option<String>, PageError>,
{
    let mut heartbeat = interval(visitor.site.live.heartbeat);
    heartbeat.reset();
    let closing = visitor.site.live.closing.clone();
    unfold(
        (upstream, heartbeat, guard, visitor, render, Kept::default(), None::<Update>),
        move |(mut upstream, mut heartbeat, guard, visitor, render, mut kept, mut latest)| {
            let closing = closing.clone();
            async move {
                let chunk = loop {
                    let again_at = kept.again_at.unwrap_or_else(Instant::now);
                    tokio::select! {
                        biased;
                        () = closing.cancelled() => return None,
                        // The browser connects again when the stream ends, with a session that has been renewed.
                        update = upstream.next() => latest = Some(update?),
                        () = sleep_until(again_at), if kept.again_at.is_some() => {}
                        _ = heartbeat.tick() => break HEARTBEAT,
                    };
                    kept.again_at = None;
                    let Some(update) = &latest else { continue };
                    match finish(render(&visitor, &mut kept, update)).await {
                        Ok(Some(html)) => break part(Some(&update.id), &html),
                        Ok(None) => {}
                        Err(error) => {
                            tracing::debug!(%error, "cannot render an update of a page");
                            break lost();
                        }
                    }
                };
                Some((Ok(chunk), (upstream, heartbeat, guard, visitor, render, kept, latest)))
            }
        },
    )
}

/// Boxes a future, because that of a rendered list is large and part of the future of every stream.
async fn finish<T>(future: impl Future<Output = T>) -> T {
    Box::pin(future).await
}
