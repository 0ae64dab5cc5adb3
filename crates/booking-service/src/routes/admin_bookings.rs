//! `GET /admin/events/{eventId}/bookings`: lists the bookings of an event, all or those with one status, in pages or all at once as
//! CSV or JSON lines.

use std::str::FromStr;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use rowlock_domain::ids::{BookingId, EventId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::BookingStatus;
use rowlock_http::openapi::{PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Organiser, Page, QueryFields};
use rowlock_inventory::queries;
use rowlock_inventory::views::{Booking as BookingRow, EventWithTypes, NamedBooking};
use rowlock_postgres::Reader;
use utoipa::IntoParams;

use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::resources::HeldBookingResource;
use crate::spreadsheet::{BYTE_ORDER_MARK, neutralised, neutralised_email};
use crate::state::AppState;

/// Number of rows read per query of an export. No connection is held between queries, so a slow client blocks nobody.
const CHUNK: i64 = 1000;

const COLUMNS: [&str; 10] =
    ["bookingId", "ticketType", "ticketTypeId", "accountId", "name", "email", "quantity", "status", "origin", "bookedAt"];

route_problems!(BookingsProblems = Problems::for_administrators().with_input().and(&[ProblemCode::EventNotFound]));

/// List the bookings of an event, oldest first.
///
/// `?format=json` returns all bookings as newline-delimited JSON (`application/x-ndjson`): one object per line, exactly as in
/// the items of a page. Programs should read this.
///
/// `?format=csv` returns all bookings as a CSV file for spreadsheets: UTF-8 with a byte-order mark, comma-separated, with a
/// header line, and CRLF after each line. In `name` and `ticketType` an apostrophe is put before every `=`, `+`, `-` or `@` (and
/// their full-width forms) with which a cell could begin: at the start of the text and after each separator, quote or line break
/// in it. `email` is treated alike, unless it consists of letters, digits and `. _ + -` around one `@`, from which no formula
/// can come: `+tag@example.org` is unchanged. No other column is altered.
///
/// Without `format`, the `Accept` header decides: `text/csv`, `application/x-ndjson`, or a page for anything else. `cursor` and
/// `limit` apply to pages only. `status` applies to all of them.
#[utoipa::path(
    get,
    path = "/admin/events/{eventId}/bookings",
    operation_id = "listEventBookings",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), PageParams, StatusParam, FormatParam),
    responses(
        (
            status = 200,
            description = "A page, or all bookings as CSV or as JSON lines.",
            content(
                (Page<HeldBookingResource> = "application/json", example = json!(examples::page(&examples::held_booking()))),
                (String = "text/csv", example = json!(examples::BOOKINGS_CSV)),
                (String = "application/x-ndjson", example = json!(examples::booking_lines()))
            ),
            headers(("Content-Disposition" = String, description = "With CSV and JSON lines: `attachment` with the name of the file."))
        ),
        BookingsProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn bookings(
    _: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<BookingId>();
    let limit = query.limit();
    let status = query.optional::<StatusFilter>("status");
    let format = query.optional::<Format>("format");
    let (((cursor, limit), status), format) = query.finish(cursor.zip(limit).zip(status).zip(format))?;
    let status = status.map(|StatusFilter(status)| status);
    let event = state.reader.run(async |conn| queries::event(conn, id).await).await?.ok_or_else(event_not_found)?;
    if let Some(format) = format.or_else(|| accepted_format(&request)) {
        return Ok(export(state.reader.clone(), event, status, format));
    }
    let rows = state.reader.run(async |conn| queries::bookings_of_event(conn, id, status, cursor, limit + 1).await).await?;
    let item = |row: BookingRow| HeldBookingResource::from(NamedBooking { event_name: event.event.name.clone(), booking: row });
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.id, item)))
}

/// The status by which bookings are filtered.
struct StatusFilter(BookingStatus);

impl FromStr for StatusFilter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "must be reserved, confirmed, cancelled or expired")
    }
}

/// The status of the bookings.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes a parameter; StatusFilter reads it")]
pub(super) struct StatusParam {
    /// Returns the bookings with this status only.
    #[param(nullable = false, pattern = "^(reserved|confirmed|cancelled|expired)$", example = "confirmed")]
    status: Option<String>,
}

/// The format of a complete export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::JsonLines),
            _ => Err("must be csv or json"),
        }
    }
}

impl Format {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "ndjson",
        }
    }

    /// Renders a part of the file. The first part starts with the header, if the format has one.
    fn part(self, event: &EventWithTypes, rows: Vec<BookingRow>, is_first: bool) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Csv => csv_of(event, &rows, is_first).map_err(|error| Problem::internal(&error)),
            Self::JsonLines => json_lines_of(event, rows).map_err(|error| Problem::internal(&error)),
        }
    }
}

/// The format of the response.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes a parameter; Format reads it")]
pub(super) struct FormatParam {
    /// `csv` or `json` returns all bookings at once in that format. Takes precedence over the `Accept` header.
    #[param(nullable = false, pattern = "^(csv|json)$", example = "csv")]
    format: Option<String>,
}

/// Returns the export format that the `Accept` header names, or `None` for anything else, which means a page of JSON.
fn accepted_format(request: &HttpRequest) -> Option<Format> {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').filter_map(|part| part.split(';').next()).find_map(|kind| match kind.trim().to_ascii_lowercase().as_str() {
        "text/csv" => Some(Format::Csv),
        "application/x-ndjson" => Some(Format::JsonLines),
        _ => None,
    })
}

enum Export {
    Begin,
    After(BookingId),
    End,
}

fn export(reader: Reader, event: EventWithTypes, status: Option<BookingStatus>, format: Format) -> HttpResponse {
    let file_name = format!("attachment; filename=\"bookings-{}.{}\"", event.event.id, format.extension());
    let chunks = stream::try_unfold((reader, event, Export::Begin), move |(reader, event, state)| async move {
        let after = match state {
            Export::Begin => None,
            Export::After(id) => Some(id),
            Export::End => return Ok(None),
        };
        let rows = read_chunk(&reader, event.event.id, status, after).await?;
        let full = i64::try_from(rows.len()).is_ok_and(|length| length == CHUNK);
        let next = rows.last().filter(|_| full).map_or(Export::End, |row| Export::After(row.id));
        let text = format.part(&event, rows, after.is_none())?;
        Ok::<_, Problem>(Some((web::Bytes::from(text), (reader, event, next))))
    });
    HttpResponse::Ok().content_type(format.media_type()).insert_header((header::CONTENT_DISPOSITION, file_name)).streaming(chunks)
}

async fn read_chunk(
    reader: &Reader,
    event: EventId,
    status: Option<BookingStatus>,
    after: Option<BookingId>,
) -> Result<Vec<BookingRow>, Problem> {
    Ok(reader.run(async |conn| queries::bookings_of_event(conn, event, status, after, CHUNK).await).await?)
}

/// Renders rows as CSV. The first part starts with the byte-order mark and the header line.
fn csv_of(event: &EventWithTypes, rows: &[BookingRow], is_first: bool) -> Result<Vec<u8>, csv::Error> {
    let start = if is_first { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(start);
    if is_first {
        writer.write_record(COLUMNS)?;
    }
    for row in rows {
        let type_name =
            event.types.iter().find(|ticket_type| ticket_type.key == row.key).map_or("", |ticket_type| ticket_type.name.as_str());
        writer.write_record([
            row.id.to_string(),
            neutralised(type_name),
            row.key.ticket_type.to_string(),
            row.holder.account.to_string(),
            neutralised(&row.holder.name),
            neutralised_email(&row.holder.email),
            row.quantity.to_string(),
            row.status.to_string(),
            row.origin.to_string(),
            row.booked_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// Renders rows as newline-delimited JSON.
fn json_lines_of(event: &EventWithTypes, rows: Vec<BookingRow>) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = Vec::new();
    for row in rows {
        let resource = HeldBookingResource::from(NamedBooking { event_name: event.event.name.clone(), booking: row });
        serde_json::to_writer(&mut text, &resource)?;
        text.push(b'\n');
    }
    Ok(text)
}
