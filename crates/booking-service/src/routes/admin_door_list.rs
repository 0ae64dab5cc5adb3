//! `GET /admin/events/{eventId}/doorlist`: lists the tickets that a door expects, in pages or all at once as CSV.

use std::str::FromStr;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::SecondsFormat;
use futures_util::stream;
use rowlock_domain::ids::{EventId, TicketId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::SearchTerm;
use rowlock_http::openapi::{PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Door, Page, QueryFields};
use rowlock_inventory::tickets::{DoorListCursor, DoorListFilter, DoorListRow, door_list};
use rowlock_postgres::Reader;
use utoipa::IntoParams;

use super::admin_check_in::ensure_event_exists;
use super::targets::event_in_path;
use super::ticket_examples as examples;
use crate::resources::DoorListResource;
use crate::spreadsheet::{BYTE_ORDER_MARK, neutralised};
use crate::state::AppState;

/// Number of rows read per query of an export. No connection is held between queries, so a slow client blocks nobody.
const CHUNK: i64 = 1000;

const COLUMNS: [&str; 7] = ["ticket", "name", "ticketType", "checkedInAt", "door", "bookingId", "number"];

/// The search and the format of the list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; the route reads them")]
struct DoorListParams {
    /// Words that must all occur in the name of the holder, without regard to case and accents.
    #[param(nullable = false, max_length = 200, example = "lovelace")]
    q: Option<String>,
    /// `csv` returns the whole list at once. Takes precedence over the `Accept` header.
    #[param(nullable = false, pattern = "^csv$", example = "csv")]
    format: Option<String>,
}

route_problems!(DoorListProblems = Problems::for_administrators().with_input().and(&[ProblemCode::EventNotFound]));

/// List the tickets that a door expects, ordered by the name of the holder.
///
/// These are the valid tickets of confirmed bookings. `?format=csv`, or `Accept: text/csv`, returns all of them as a CSV file for a
/// door without a network: UTF-8 with a byte-order mark, comma-separated, with a header line, and CRLF after each line. In `name`,
/// `ticketType` and `door`, an apostrophe is put before signs with which a formula could begin, as in the list of bookings. `cursor` and
/// `limit` apply to pages only.
#[utoipa::path(
    get,
    path = "/admin/events/{eventId}/doorlist",
    operation_id = "getDoorList",
    tag = "check-in",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), PageParams, DoorListParams),
    responses(
        (
            status = 200,
            description = "A page, or the whole list as CSV.",
            content(
                (Page<DoorListResource> = "application/json", example = json!(examples::page(&examples::door_list_ticket()))),
                (String = "text/csv", example = json!(examples::DOOR_LIST_CSV))
            ),
            headers(("Content-Disposition" = String, description = "With CSV: `attachment` with the name of the file."))
        ),
        DoorListProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn door_list_of_event(
    _: AdminCaller<Door>,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    let mut query = QueryFields::of(&request)?;
    let (q, format) = (query.optional::<SearchTerm>("q"), query.optional::<Csv>("format"));
    let (after, limit) = (query.cursor::<DoorListCursor>(), query.limit());
    let (q, format, after, limit) = query.finish((|| Some((q?, format?, after?, limit?)))())?;
    ensure_event_exists(&state, event).await?;
    if format.is_some() || accepts_csv(&request) {
        return Ok(export(state.reader.clone(), event, q));
    }
    let filter = DoorListFilter { q, after, limit: limit + 1 };
    let rows = state.reader.run(async |conn| door_list(conn, event, &filter).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, DoorListRow::cursor, |row| DoorListResource::of(ticket(event, &row), row))))
}

const fn ticket(event: EventId, row: &DoorListRow) -> TicketId {
    TicketId { event, booking: row.booking, number: row.number }
}

/// The format of an export.
struct Csv;

impl FromStr for Csv {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "csv" { Ok(Self) } else { Err("must be csv") }
    }
}

fn accepts_csv(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').filter_map(|part| part.split(';').next()).any(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
}

enum Export {
    Begin,
    After(DoorListCursor),
    End,
}

fn export(reader: Reader, event: EventId, q: Option<SearchTerm>) -> HttpResponse {
    let file_name = format!("attachment; filename=\"doorlist-{event}.csv\"");
    let chunks = stream::try_unfold((reader, q, Export::Begin), move |(reader, q, state)| async move {
        let after = match state {
            Export::Begin => None,
            Export::After(cursor) => Some(cursor),
            Export::End => return Ok(None),
        };
        let filter = DoorListFilter { q, after, limit: CHUNK };
        let rows = reader.run(async |conn| door_list(conn, event, &filter).await).await?;
        let full = i64::try_from(rows.len()).is_ok_and(|length| length == CHUNK);
        let next = rows.last().filter(|_| full).map_or(Export::End, |row| Export::After(row.cursor()));
        let text = csv_of(event, &rows, after.is_none()).map_err(|error| Problem::internal(&error))?;
        Ok::<_, Problem>(Some((web::Bytes::from(text), (reader, filter.q, next))))
    });
    HttpResponse::Ok().content_type("text/csv; charset=utf-8").insert_header((header::CONTENT_DISPOSITION, file_name)).streaming(chunks)
}

/// Renders rows as CSV. The first part starts with the byte-order mark and the header line.
fn csv_of(event: EventId, rows: &[DoorListRow], is_first: bool) -> Result<Vec<u8>, csv::Error> {
    let start = if is_first { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(start);
    if is_first {
        writer.write_record(COLUMNS)?;
    }
    for row in rows {
        let checkin = row.checkin.as_ref();
        writer.write_record([
            ticket(event, row).reference(),
            neutralised(&row.holder_name),
            neutralised(&row.ticket_type),
            checkin.map(|checkin| checkin.checked_in_at.to_rfc3339_opts(SecondsFormat::Micros, true)).unwrap_or_default(),
            checkin.and_then(|checkin| checkin.door.as_deref()).map(neutralised).unwrap_or_default(),
            row.booking.to_string(),
            row.number.to_string(),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}
