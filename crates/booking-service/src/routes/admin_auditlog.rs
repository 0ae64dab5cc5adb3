//! `GET /admin/auditlog`: who did what to the box office itself, the newest first.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::AuditEntryId;
use rowlock_inventory::auditlog;
use rowlock_platform::http::{AdminCaller, Page, QueryFields};
use rowlock_platform::problem::Problem;

use crate::service::Booking;

/// A page of the audit log. `?cursor&limit`.
pub(super) async fn auditlog(_: AdminCaller, request: HttpRequest, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<AuditEntryId>();
    let limit = query.limit();
    let (cursor, limit) = query.finish(cursor.zip(limit))?;
    let entries = booking.reader.run(async |conn| auditlog::list(conn, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(entries, limit, |entry| entry.id, |entry| entry)))
}
