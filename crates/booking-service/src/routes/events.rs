//! `GET /api/events` and `GET /api/events/{eventId}`: what there is to book.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_inventory::queries::{self, EventCursor, EventFilter};
use rowlock_platform::http::{Page, QueryFields};
use rowlock_platform::problem::Problem;

use super::{etag, event_in, no_such_event};
use crate::resources::EventResource;
use crate::service::Booking;

/// Published events by start, then by creation. `?q&from&to&cursor&limit`.
pub(super) async fn list(request: HttpRequest, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let q = query.optional("q");
    let from = query.time("from");
    let to = query.time("to");
    let cursor = query.cursor::<EventCursor>();
    let limit = query.limit();
    let (filter, cursor, limit) = query.finish((|| Some((EventFilter { q: q?, from: from?, to: to? }, cursor?, limit?)))())?;
    let rows = booking.reader.run(async |conn| queries::list_events(conn, &filter, cursor, limit + 1).await).await?;
    let page = Page::cut(rows, limit, |row| EventCursor::behind(&row.event), |row| EventResource::from(&row));
    Ok(HttpResponse::Ok().json(page))
}

/// One event that is or was public.
pub(super) async fn get(path: web::Path<String>, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
    let id = event_in(&path)?;
    let event = booking.reader.run(async |conn| queries::event(conn, id).await).await?;
    let event = event.filter(|row| row.event.published_at.is_some()).ok_or_else(no_such_event)?;
    Ok(HttpResponse::Ok().insert_header(etag(&event)).json(EventResource::from(&event)))
}
