//! `GET /api/bookings` and `GET /api/waitlist`: lists the bookings and waiting-list entries of the caller, who may be a
//! guest, newest first.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{BookingId, WaitlistEntryId};
use rowlock_http::openapi::{PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Page, QueryFields};
use rowlock_inventory::queries;

use super::examples;
use super::holder::TicketHolder;
use crate::resources::{BookingResource, WaitlistEntryResource};
use crate::state::AppState;

route_problems!(BookingsProblems = Problems::for_ticket_holders().with_input());

/// List your bookings, newest first.
///
/// A guest with the token of a link gets the booking that an administrator made, if there is one.
#[utoipa::path(
    get,
    path = "/api/bookings",
    operation_id = "listBookings",
    tag = "bookings",
    params(PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<BookingResource>, example = json!(examples::page(&examples::booking()))),
        BookingsProblems
    ),
    security(("token" = []), ("guestLink" = [])),
)]
pub(super) async fn bookings(holder: TicketHolder, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = QueryFields::page::<BookingId>(&request)?;
    let rows = state.reader.run(async |conn| queries::bookings_of_account(conn, holder.account, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.booking.id, |row| BookingResource::from(&row))))
}

route_problems!(WaitlistProblems = Problems::for_ticket_holders().with_input());

/// List your waiting-list entries with their current positions and chances, newest first.
///
/// A guest with the token of a link gets the entry that an administrator made, if there is one.
#[utoipa::path(
    get,
    path = "/api/waitlist",
    operation_id = "listWaitlist",
    tag = "waiting list",
    params(PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<WaitlistEntryResource>, example = json!(examples::page(&examples::waitlist_entry()))),
        WaitlistProblems
    ),
    security(("token" = []), ("guestLink" = [])),
)]
pub(super) async fn waitlist(holder: TicketHolder, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = QueryFields::page::<WaitlistEntryId>(&request)?;
    let mut rows = state.reader.run(async |conn| queries::entries_of_account(conn, holder.account, cursor, limit + 1).await).await?;
    state.chances.add_to(&mut rows).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.entry.id, |row| WaitlistEntryResource::from(&row))))
}
