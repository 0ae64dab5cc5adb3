//! The tickets of a booking as files: QR codes, passes for a phone, a PDF file to print, and a calendar entry.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::TicketId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::{BookingStatus, EventStatus};
use rowlock_domain::tickets::TicketNumber;
use rowlock_domain::time_zone::TimeZoneName;
use rowlock_http::openapi::Problems;
use rowlock_http::preferred_language;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_inventory::tickets::TicketedBooking;
use rowlock_tickets::{CalendarEntry, EntryStatus, PASS_MEDIA_TYPE, PassTicket, PrintedBooking, PrintedTicket, calendar_file, png, svg};
use utoipa::ToSchema;

use super::holder::TicketHolder;
use super::tickets::{NO_STORE, booking_of, ticket_not_found, valid_tickets};
use super::{examples, ticket_examples};
use crate::state::AppState;
use crate::ticket_keys::KeyError;

/// A file.
#[derive(ToSchema)]
#[schema(as = TicketFile, value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes a body")]
pub(super) struct TicketFile(Vec<u8>);

route_problems!(ImageProblems = Problems::for_ticket_holders().and(&[ProblemCode::BookingNotFound, ProblemCode::TicketNotFound]));

/// Get the QR code of a ticket, or its pass for Apple Wallet.
///
/// There are passes only if `walletPasses` in the list of tickets says so, because each is signed with a certificate of the
/// organizer. The texts of a pass are in the language that `Accept-Language` prefers, English or German.
#[utoipa::path(
    get,
    path = "/api/bookings/{bookingId}/tickets/{file}",
    operation_id = "getTicketImage",
    tag = "bookings",
    params(
        ("bookingId" = Uuid, Path, description = "The booking.", example = json!(examples::BOOKING)),
        ("file" = String, Path, description = "The number of the ticket and `.svg`, `.png` or `.pkpass`.", pattern = "^[0-9]{1,3}\\.(svg|png|pkpass)$", example = json!("0.svg"))
    ),
    responses(
        (
            status = 200,
            description = "The QR code or the pass.",
            content((TicketFile = "image/svg+xml"), (TicketFile = "image/png"), (TicketFile = "application/vnd.apple.pkpass"))
        ),
        ImageProblems
    ),
    security(("token" = []), ("guestLink" = [])),
)]
pub(super) async fn image(
    holder: TicketHolder,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (id, file) = path.into_inner();
    let booking = booking_of(&state, holder.account, &id).await?;
    let (number, extension) = file.split_once('.').ok_or_else(ticket_not_found)?;
    let number: TicketNumber = number.parse().map_err(|_| ticket_not_found())?;
    let ticket = valid_tickets(&booking).into_iter().find(|ticket| ticket.number == number).ok_or_else(ticket_not_found)?;
    let code = state.ticket_keys.get().await?.sign(ticket)?;
    let failed = |error: rowlock_tickets::QrError| Problem::internal(&error);
    let (media_type, file) = match extension {
        "svg" => ("image/svg+xml", svg(&code).map_err(failed)?.into_bytes()),
        "png" => ("image/png", png(&code).map_err(failed)?),
        "pkpass" => {
            let pass = state.printer.pass(pass_ticket(&booking, ticket, code), preferred_language(&request), state.clock.now()).await?;
            let none = || Problem::new(ProblemCode::TicketNotFound, "This installation issues no passes for Apple Wallet.");
            (PASS_MEDIA_TYPE, pass.ok_or_else(none)?)
        }
        _ => return Err(ticket_not_found()),
    };
    let mut response = HttpResponse::Ok();
    response.insert_header(NO_STORE).insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    Ok(response.content_type(media_type).body(file))
}

fn pass_ticket(booking: &TicketedBooking, ticket: TicketId, code: String) -> PassTicket {
    PassTicket {
        ticket,
        code,
        event_name: booking.event.name.clone(),
        starts_at: booking.event.starts_at,
        zone: zone(booking).zone(),
        venue: booking.event.venue.clone(),
        holder_name: booking.booking.holder.name.clone(),
        ticket_type: booking.ticket_type.clone(),
    }
}

/// Get the tickets of a booking as a PDF file, with a page for each.
///
/// The texts are in the language that `Accept-Language` prefers, English or German, and the time is in the zone of the event.
#[utoipa::path(
    get,
    path = "/api/bookings/{bookingId}/tickets.pdf",
    operation_id = "getTicketsAsPdf",
    tag = "bookings",
    params(("bookingId" = Uuid, Path, description = "The booking.", example = json!(examples::BOOKING))),
    responses(
        (
            status = 200,
            description = "The file.",
            content((TicketFile = "application/pdf")),
            headers(("Content-Disposition" = String, description = "`attachment` with the name of the file."))
        ),
        ImageProblems
    ),
    security(("token" = []), ("guestLink" = [])),
)]
pub(super) async fn pdf(
    holder: TicketHolder,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let booking = booking_of(&state, holder.account, &path).await?;
    let tickets = valid_tickets(&booking);
    if tickets.is_empty() {
        return Err(Problem::new(ProblemCode::TicketNotFound, "The booking is not confirmed, so it has no tickets."));
    }
    let keys = state.ticket_keys.get().await?;
    let printed_tickets = tickets.into_iter().map(|ticket| Ok(PrintedTicket { reference: ticket.reference(), code: keys.sign(ticket)? }));
    let printed = PrintedBooking {
        event_name: booking.event.name.clone(),
        starts_at: booking.event.starts_at,
        zone: zone(&booking).zone(),
        venue: booking.event.venue.clone(),
        holder_name: booking.booking.holder.name.clone(),
        ticket_type: booking.ticket_type.clone(),
        tickets: printed_tickets.collect::<Result<_, KeyError>>()?,
    };
    let file = state.printer.print(printed, preferred_language(&request)).await?;
    let name = format!("attachment; filename=\"tickets-{}.pdf\"", booking.booking.id);
    let mut response = HttpResponse::Ok();
    response.insert_header(NO_STORE).insert_header((header::CONTENT_DISPOSITION, name));
    response.insert_header((header::VARY, "Accept-Language"));
    Ok(response.content_type("application/pdf").body(file))
}

route_problems!(CalendarProblems = Problems::for_ticket_holders().and(&[ProblemCode::BookingNotFound, ProblemCode::EventUndated]));

/// Get a calendar entry for a booking (iCalendar, RFC 5545).
///
/// The times are in the zone of the event. A calendar that already has the entry updates it, also if the booking was cancelled.
#[utoipa::path(
    get,
    path = "/api/bookings/{bookingId}/calendar.ics",
    operation_id = "getCalendarEntry",
    tag = "bookings",
    params(("bookingId" = Uuid, Path, description = "The booking.", example = json!(examples::BOOKING))),
    responses(
        (
            status = 200,
            description = "The file.",
            content((String = "text/calendar", example = json!(ticket_examples::CALENDAR))),
            headers(("Content-Disposition" = String, description = "`attachment` with the name of the file."))
        ),
        CalendarProblems
    ),
    security(("token" = []), ("guestLink" = [])),
)]
pub(super) async fn calendar(holder: TicketHolder, path: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let booking = booking_of(&state, holder.account, &path).await?;
    let undated = || Problem::new(ProblemCode::EventUndated, "The event has no date yet, so there is no calendar entry for it.");
    let entry = calendar_entry(&booking).ok_or_else(undated)?;
    let name = format!("attachment; filename=\"booking-{}.ics\"", booking.booking.id);
    let mut response = HttpResponse::Ok();
    response.insert_header(NO_STORE).insert_header((header::CONTENT_DISPOSITION, name));
    Ok(response.content_type("text/calendar; charset=utf-8; method=PUBLISH").body(calendar_file(&entry)))
}

/// Returns the calendar entry for a booking, or `None` if the event has no date yet.
pub(super) fn calendar_entry(booking: &TicketedBooking) -> Option<CalendarEntry> {
    let (row, event) = (&booking.booking, &booking.event);
    let (status, step) = match row.status {
        BookingStatus::Reserved => (EntryStatus::Tentative, 0),
        BookingStatus::Confirmed if event.status != EventStatus::Cancelled => (EntryStatus::Confirmed, 1),
        BookingStatus::Confirmed | BookingStatus::Cancelled | BookingStatus::Expired => (EntryStatus::Cancelled, 2),
    };
    Some(CalendarEntry {
        booking: row.id,
        // Each step of the booking replaces the entry of the one before.
        sequence: event.version.saturating_mul(3).saturating_add(step),
        changed_at: row.cancelled_at.map_or(event.updated_at, |cancelled_at| cancelled_at.max(event.updated_at)),
        name: event.name.clone(),
        venue: event.venue.clone(),
        description: format!("{} × {}", row.quantity, booking.ticket_type),
        starts_at: event.starts_at?,
        ends_at: event.ends_at,
        zone: zone(booking).zone(),
        status,
    })
}

/// Returns the zone of the event. A stored zone that this version does not know is shown as UTC.
pub(super) fn zone(booking: &TicketedBooking) -> TimeZoneName {
    booking.event.time_zone.parse().unwrap_or(TimeZoneName::UTC)
}
