//! `GET /admin/events/{eventId}/bookings`: who comes, as pages or as a CSV of all.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use rowlock_domain::ids::{BookingId, EventId};
use rowlock_domain::problem::ProblemCode;
use rowlock_inventory::queries;
use rowlock_inventory::views::{Booking as BookingRow, EventWithTypes, NamedBooking};
use rowlock_platform::http::{AdminCaller, Page, QueryFields};
use rowlock_platform::openapi::{PageParams, Problems};
use rowlock_platform::problem::Problem;
use rowlock_platform::route_problems;
use rowlock_postgres::Reader;

use super::{event_in, examples, no_such_event};
use crate::resources::HeldBookingResource;
use crate::service::Booking;

/// Rows read at a time for the export. Nothing is held between two reads, so a slow reader holds up nobody.
const CHUNK: i64 = 1000;

const COLUMNS: [&str; 10] =
    ["bookingId", "ticketType", "ticketTypeId", "accountId", "name", "email", "quantity", "status", "origin", "bookedAt"];

route_problems!(BookingsProblems = Problems::for_administrators().with_input().and(&[ProblemCode::EventNotFound]));

/// Who has booked, the oldest first.
///
/// With `Accept: text/csv` all bookings as one CSV file with a header line; `cursor` and `limit` count for nothing then.
#[utoipa::path(
    get,
    path = "/admin/events/{eventId}/bookings",
    operation_id = "listEventBookings",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), PageParams),
    responses(
        (
            status = 200,
            description = "A page, or all as CSV.",
            content(
                (Page<HeldBookingResource> = "application/json", example = json!(examples::page(&examples::held_booking()))),
                (String = "text/csv", example = json!(examples::BOOKINGS_CSV))
            ),
            headers(("Content-Disposition" = String, description = "With CSV: `attachment` with the name of the file."))
        ),
        BookingsProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn bookings(
    _: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let id = event_in(&path)?;
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<BookingId>();
    let limit = query.limit();
    let (cursor, limit) = query.finish(cursor.zip(limit))?;
    let event = booking.reader.run(async |conn| queries::event(conn, id).await).await?.ok_or_else(no_such_event)?;
    if wants_csv(&request) {
        return Ok(export(booking.reader.clone(), event));
    }
    let rows = booking.reader.run(async |conn| queries::bookings_of_event(conn, id, cursor, limit + 1).await).await?;
    let item = |row: BookingRow| HeldBookingResource::from(NamedBooking { event_name: event.event.name.clone(), booking: row });
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.id, item)))
}

/// Whether CSV is asked for by name; JSON is the answer to everything else.
fn wants_csv(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|part| part.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv")))
}

enum Export {
    Begin,
    After(BookingId),
    End,
}

fn export(reader: Reader, event: EventWithTypes) -> HttpResponse {
    let file_name = format!("attachment; filename=\"bookings-{}.csv\"", event.event.id);
    let chunks = stream::try_unfold((reader, event, Export::Begin), |(reader, event, state)| async move {
        let after = match state {
            Export::Begin => None,
            Export::After(id) => Some(id),
            Export::End => return Ok(None),
        };
        let rows = read_chunk(&reader, event.event.id, after).await?;
        let text = csv_of(&event, &rows, after.is_none()).map_err(|error| Problem::internal(&error))?;
        let full = i64::try_from(rows.len()).is_ok_and(|length| length == CHUNK);
        let next = rows.last().filter(|_| full).map_or(Export::End, |row| Export::After(row.id));
        Ok::<_, Problem>(Some((web::Bytes::from(text), (reader, event, next))))
    });
    HttpResponse::Ok().content_type("text/csv; charset=utf-8").insert_header((header::CONTENT_DISPOSITION, file_name)).streaming(chunks)
}

async fn read_chunk(reader: &Reader, event: EventId, after: Option<BookingId>) -> Result<Vec<BookingRow>, Problem> {
    Ok(reader.run(async |conn| queries::bookings_of_event(conn, event, after, CHUNK).await).await?)
}

fn csv_of(event: &EventWithTypes, rows: &[BookingRow], with_header: bool) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_header {
        writer.write_record(COLUMNS)?;
    }
    for row in rows {
        let type_name =
            event.types.iter().find(|ticket_type| ticket_type.key == row.key).map_or("", |ticket_type| ticket_type.name.as_str());
        writer.write_record([
            row.id.to_string(),
            harmless(type_name),
            row.key.ticket_type.to_string(),
            row.holder.account.to_string(),
            harmless(&row.holder.name),
            harmless(&row.holder.email),
            row.quantity.to_string(),
            row.status.to_string(),
            row.origin.to_string(),
            row.booked_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// Spreadsheets take a cell that begins like a formula for one; a quote in front makes it text
/// (OWASP, «CSV Injection»).
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_formula_is_text() {
        assert_eq!(harmless("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(harmless("Ada"), "Ada");
    }
}
