//! `GET /admin/status/{eventId}`: what is booked, available and held, and who waits.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TicketTypeId;
use rowlock_inventory::queries;
use rowlock_platform::http::{AdminCaller, QueryFields};
use rowlock_platform::problem::Problem;

use super::{etag, event_in, no_such_event};
use crate::resources::EventStatusResource;
use crate::service::Booking;

/// `?cursor&limit` page the waiting list, `?ticketTypeId` shows one type's.
pub(super) async fn status(
    _: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let id = event_in(&path)?;
    let mut query = QueryFields::of(&request)?;
    let only = query.optional::<TicketTypeId>("ticketTypeId");
    let cursor = query.cursor::<(i16, i64)>();
    let limit = query.limit();
    let (only, cursor, limit) = query.finish((|| Some((only?, cursor?, limit?)))())?;
    let page = booking.reader.run(async |conn| queries::status_page(conn, id, only, cursor, limit + 1).await).await?;
    let page = page.ok_or_else(no_such_event)?;
    let etag = etag(&page.event);
    Ok(HttpResponse::Ok().insert_header(etag).json(EventStatusResource::new(page, limit)))
}
