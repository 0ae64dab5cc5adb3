//! `GET /api/bookings` and `GET /api/waitlist`: what the caller has and waits for, the newest first.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{BookingId, WaitlistEntryId};
use rowlock_inventory::queries;
use rowlock_platform::http::{Caller, Page, QueryFields};
use rowlock_platform::problem::Problem;

use crate::resources::{BookingResource, WaitlistEntryResource};
use crate::service::Booking;

/// The caller's bookings. `?cursor&limit`.
pub(super) async fn bookings(caller: Caller, request: HttpRequest, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<BookingId>();
    let limit = query.limit();
    let (cursor, limit) = query.finish(cursor.zip(limit))?;
    let rows = booking.reader.run(async |conn| queries::bookings_of(conn, caller.sub, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.booking.id, |row| BookingResource::from(&row))))
}

/// The caller's waiting-list entries with their present places. `?cursor&limit`.
pub(super) async fn waitlist(caller: Caller, request: HttpRequest, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<WaitlistEntryId>();
    let limit = query.limit();
    let (cursor, limit) = query.finish(cursor.zip(limit))?;
    let rows = booking.reader.run(async |conn| queries::entries_of(conn, caller.sub, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.entry.id, |row| WaitlistEntryResource::from(&row))))
}
