//! The tickets of a booking: their QR codes to show at the door, files to print and for calendars, and the replacement of a code.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use futures_util::TryStreamExt;
use reqwest::Method;
use rowlock_domain::ids::BookingId;
use serde::Deserialize;

use crate::api::Call;
use crate::api::models::{Event, IssuedTicket};
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::pages::tickets::{Ticket, bookings, events_of};
use crate::redirect::see_other;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_status};

#[derive(Template)]
#[template(path = "booking_tickets.html")]
struct BookingTicketsPage {
    page: Page,
    /// A sentence about the action that has just been completed.
    notice: Option<String>,
    booking: Ticket,
    links: TicketLinks,
    tickets: Vec<TicketCard>,
    /// Whether each ticket has a pass for a phone.
    has_passes: bool,
}

impl BookingTicketsPage {
    /// Returns whether any of the tickets can still be returned or given away.
    fn has_unused(&self) -> bool {
        self.tickets.iter().any(|ticket| ticket.used.is_none())
    }
}

/// Where the files and the other pages of a booking are.
pub(super) struct TicketLinks {
    /// First part of the addresses.
    pub(super) base: String,
    /// The query of the addresses, or an empty text.
    pub(super) query: String,
    /// Whether the visitor is a guest, who has no other bookings and cannot give tickets away or replace codes.
    pub(super) is_guest: bool,
}

/// The tickets of a booking.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketList {
    items: Vec<IssuedTicket>,
    #[serde(default)]
    wallet_passes: bool,
}

/// One ticket on the page.
struct TicketCard {
    /// Number in addresses, from 0.
    number: u32,
    /// Short name of the ticket for people.
    reference: String,
    holder: String,
    /// When its holder was admitted, in words.
    used: Option<String>,
}

#[derive(Template)]
#[template(path = "replace_code.html")]
struct ReplacePage {
    page: Page,
    errors: FormErrors,
    booking: Ticket,
    ticket: IssuedTicket,
    key: String,
}

/// A booking of the visitor with the time zone of its event.
pub(super) async fn read_booking(visitor: &Visitor, id: BookingId) -> Result<(Ticket, Tz), PageError> {
    let bookings = bookings(visitor).await?;
    let booking = bookings.into_iter().find(|booking| booking.id == id).ok_or(PageError::NotFound)?;
    let events = events_of(visitor, std::iter::once(booking.event_id)).await?;
    let event = events.get(&booking.event_id).map(AsRef::as_ref);
    Ok((Ticket::new(&booking, event, visitor), event.map_or(Tz::UTC, Event::zone)))
}

/// Reads the tickets of a booking, of which there are none if it is not confirmed.
async fn read_tickets(visitor: &Visitor, id: BookingId) -> Result<TicketList, PageError> {
    let path = format!("/api/bookings/{id}/tickets");
    visitor.call(Call::get(&path)).await
}

/// Returns how many tickets of a booking nobody has used. There are none if it is not confirmed.
pub(super) async fn unused_tickets(visitor: &Visitor, id: BookingId) -> Result<i64, PageError> {
    let unused = read_tickets(visitor, id).await?.items.into_iter().filter(|ticket| ticket.used_at.is_none()).count();
    Ok(i64::try_from(unused).unwrap_or(i64::MAX))
}

/// Shows the tickets of a booking.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let (booking, zone) = read_booking(&visitor, id).await?;
    let notice = match visitor.query("done").as_str() {
        "replaced" => Some(visitor.locale.text("notice-code-replaced")),
        "received" => Some(visitor.locale.text("notice-received")),
        _ => None,
    };
    let links = TicketLinks { base: format!("/tickets/{id}"), query: String::new(), is_guest: false };
    let page = visitor.page(visitor.locale.text("your-tickets")).in_section("tickets");
    tickets_page(&visitor, page, (id, booking, zone), links, notice).await
}

/// Renders the page with the tickets of a booking.
pub(super) async fn tickets_page(
    visitor: &Visitor,
    page: Page,
    (id, booking, zone): (BookingId, Ticket, Tz),
    links: TicketLinks,
    notice: Option<String>,
) -> Result<HttpResponse, PageError> {
    let issued = read_tickets(visitor, id).await?;
    let locale = &visitor.locale;
    let card = |ticket: IssuedTicket| TicketCard {
        number: ticket.number,
        reference: ticket.reference,
        holder: ticket.holder_name,
        used: ticket.used_at.map(|at| locale.with("ticket-used-at", [("when", locale.zoned_date_time(at, zone).into())])),
    };
    let (tickets, has_passes) = (issued.items.into_iter().map(card).collect(), issued.wallet_passes);
    render(&BookingTicketsPage { page, notice, booking, links, tickets, has_passes })
}

/// Returns the QR code of a ticket.
pub(crate) async fn code(visitor: Visitor, path: web::Path<(String, u32)>) -> Result<HttpResponse, PageError> {
    let id: BookingId = path.0.parse().map_err(|_| PageError::NotFound)?;
    forward(&visitor, &format!("/api/bookings/{id}/tickets/{}.svg", path.1), "image/svg+xml", None).await
}

/// Returns the pass of a ticket for Apple Wallet, in the language of the site.
pub(crate) async fn pass(visitor: Visitor, path: web::Path<(String, u32)>) -> Result<HttpResponse, PageError> {
    let id: BookingId = path.0.parse().map_err(|_| PageError::NotFound)?;
    let name = format!("ticket-{id}-{}.pkpass", path.1);
    forward(&visitor, &format!("/api/bookings/{id}/tickets/{}.pkpass", path.1), "application/vnd.apple.pkpass", Some(name)).await
}

/// Returns the tickets to print, one on each page.
pub(crate) async fn pdf(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let name = format!("tickets-{id}.pdf");
    forward(&visitor, &format!("/api/bookings/{id}/tickets.pdf"), "application/pdf", Some(name)).await
}

/// Returns the entry for calendars.
pub(crate) async fn calendar(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let name = format!("tickets-{id}.ics");
    forward(&visitor, &format!("/api/bookings/{id}/calendar.ics"), "text/calendar; charset=utf-8", Some(name)).await
}

/// Forwards a file of the API, which only its owner may see and no cache may store.
async fn forward(visitor: &Visitor, path: &str, media_type: &'static str, name: Option<String>) -> Result<HttpResponse, PageError> {
    let file = visitor.respond(Call::get(path)).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "private, no-store")).content_type(media_type);
    if let Some(name) = name {
        response.insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    }
    Ok(response.streaming(file.bytes_stream().map_err(actix_web::error::ErrorBadGateway)))
}

/// Asks before a code is replaced, and says what that does.
pub(crate) async fn ask_to_replace(visitor: Visitor, path: web::Path<(String, u32)>) -> Result<HttpResponse, PageError> {
    question(&visitor, &path, StatusCode::OK, FormErrors::default()).await
}

/// Replaces the code of a ticket.
pub(crate) async fn replace(visitor: Visitor, path: web::Path<(String, u32)>, form: Form) -> Result<HttpResponse, PageError> {
    let id: BookingId = path.0.parse().map_err(|_| PageError::NotFound)?;
    let (key, number) = (form.key(), path.1);
    let api_path = format!("/api/bookings/{id}/tickets/{number}/replace");
    match visitor.call_empty(Call::new(Method::POST, &api_path).key(&key)).await {
        Ok(()) => Ok(see_other(&format!("/tickets/{id}?done=replaced"))),
        Err(error) => {
            let error = error.then(format!("/tickets/{id}/{number}/replace"));
            let errors = FormErrors::of(error, &visitor.locale)?;
            question(&visitor, &path, StatusCode::CONFLICT, errors).await
        }
    }
}

async fn question(visitor: &Visitor, path: &(String, u32), status: StatusCode, errors: FormErrors) -> Result<HttpResponse, PageError> {
    let id: BookingId = path.0.parse().map_err(|_| PageError::NotFound)?;
    let (booking, _) = read_booking(visitor, id).await?;
    let tickets = read_tickets(visitor, id).await?;
    let ticket = tickets.items.into_iter().find(|ticket| ticket.number == path.1).ok_or(PageError::NotFound)?;
    let page = visitor.page(visitor.locale.text("replace-code")).in_section("tickets");
    render_status(status, &ReplacePage { page, errors, booking, ticket, key: new_key() })
}
