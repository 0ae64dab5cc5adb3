//! `GET /api/events` and `GET /api/events/{eventId}`: what there is to book.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_inventory::queries::{EventCursor, EventFilter};
use rowlock_platform::http::QueryFields;
use rowlock_platform::problem::Problem;

use super::{event_in, no_such_event};
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
    Ok(booking.reads.list(&filter, cursor, limit).await?.answer(&request))
}

/// One event that is or was public.
pub(super) async fn get(path: web::Path<String>, request: HttpRequest, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
    let id = event_in(&path)?;
    Ok(booking.reads.event(id).await?.ok_or_else(no_such_event)?.answer(&request))
}
