//! The pages behind the link of a guest, for whom an administrator has booked: the tickets, or the place in the waiting list, without an
//! account.
//!
//! The token of the link is in the address of each page, so no page sends its address to another site.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use rowlock_domain::ids::{BookingId, WaitlistEntryId};
use rowlock_domain::states::WaitlistStatus;
use serde_json::json;

use crate::api::Call;
use crate::api::models::{ChangedEntry, Event, WaitlistEntry};
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::pages::booking_tickets::{self, TicketLinks, tickets_page};
use crate::pages::return_tickets::{ReturnLinks, form, give_back};
use crate::pages::tickets::{Ticket, bookings, events_of};
use crate::redirect::see_other;
use crate::view::event::EventView;
use crate::view::links;
use crate::view::minimum::size;
use crate::view::page::Page;
use crate::visitor::{Visitor, render_status};

#[derive(Template)]
#[template(path = "guest.html")]
struct GuestPage {
    page: Page,
    /// A sentence about the action that has just been completed.
    notice: Option<String>,
    event_name: String,
    /// `None` if the event can no longer be read.
    event: Option<EventView>,
    state: GuestState,
}

/// The contents of the page for a guest without tickets.
enum GuestState {
    /// The place in the waiting list.
    Waiting { id: String, position: Option<i64>, size: String, token: String, key: String },
    /// How the booking or the wait ended.
    Ended(String),
    /// The link does not work.
    Unknown,
}

/// Returns the address of the page behind the link.
fn home(token: &str, done: &str) -> String {
    format!("/guest{}", links::query(&[("token", token), ("done", done)]))
}

/// Keeps the address of a page, which contains the token, from other sites.
fn private(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    response
}

/// Returns the visitor as the guest whose token is in the address, and the token.
fn guest_of_address(visitor: &Visitor) -> (Visitor, String) {
    let token = visitor.query("token");
    (visitor.as_guest(&token), token)
}

/// Shows the tickets or the place in the waiting list.
pub(crate) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let (guest, token) = guest_of_address(&visitor);
    show_to(&guest, &token).await.map(private)
}

async fn show_to(guest: &Visitor, token: &str) -> Result<HttpResponse, PageError> {
    let locale = &guest.locale;
    let notice = match guest.query("done").as_str() {
        "returned" => Some(locale.text("notice-guest-returned")),
        "left" => Some(locale.text("notice-guest-left")),
        _ => None,
    };
    // Guests have one booking or one entry, which may have become the booking.
    let Some(booking) = bookings(guest).await?.into_iter().next() else {
        let entries: Vec<WaitlistEntry> = guest.call_list("/api/waitlist", &[]).await?;
        return match entries.first() {
            Some(entry) => show_place(guest, token, entry, notice).await,
            None => Err(PageError::UnknownGuestLink),
        };
    };
    let events = events_of(guest, std::iter::once(booking.event_id)).await?;
    let event = events.get(&booking.event_id).map(AsRef::as_ref);
    let ticket = Ticket::new(&booking, event, guest);
    let page = guest.page(locale.text("your-tickets"));
    if let Some(sentence) = ticket.ended {
        let state = GuestState::Ended(sentence);
        return render_status(StatusCode::OK, &GuestPage { page, notice, event_name: ticket.event_name, event: ticket.event, state });
    }
    let links = TicketLinks { base: format!("/guest/{}", booking.id), query: links::query(&[("token", token)]), is_guest: true };
    tickets_page(guest, page, (booking.id, ticket, event.map_or(Tz::UTC, Event::zone)), links, notice).await
}

async fn show_place(guest: &Visitor, token: &str, entry: &WaitlistEntry, notice: Option<String>) -> Result<HttpResponse, PageError> {
    let locale = &guest.locale;
    let events = events_of(guest, std::iter::once(entry.event_id)).await?;
    let event = events.get(&entry.event_id).map(AsRef::as_ref);
    let state = match entry.status {
        WaitlistStatus::Waiting => GuestState::Waiting {
            id: entry.id.to_string(),
            position: entry.position,
            size: size(locale, entry.quantity, entry.min_quantity.unwrap_or(entry.quantity)),
            token: token.to_owned(),
            key: new_key(),
        },
        WaitlistStatus::Promoted => GuestState::Ended(locale.text("entry-promoted")),
        WaitlistStatus::Left => GuestState::Ended(locale.text("entry-left")),
        WaitlistStatus::Closed | WaitlistStatus::Expired => GuestState::Ended(locale.text("entry-closed")),
    };
    let page = guest.page(locale.text("my-queue"));
    let event = event.map(|event| EventView::new(event, locale, guest.site.clock.now()));
    render_status(StatusCode::OK, &GuestPage { page, notice, event_name: entry.event_name.clone(), event, state })
}

/// Says that the link does not work, and what helps. This is the page of [`PageError::UnknownGuestLink`].
pub(crate) fn unknown_link(visitor: &Visitor) -> Result<HttpResponse, PageError> {
    let title = visitor.locale.text("guest-link-unknown-title");
    let page = visitor.page(title.clone()).at("/");
    let page = GuestPage { page, notice: None, event_name: title, event: None, state: GuestState::Unknown };
    render_status(StatusCode::NOT_FOUND, &page).map(private)
}

/// Returns the QR code of a ticket.
pub(crate) async fn code(visitor: Visitor, path: web::Path<(String, u32)>) -> Result<HttpResponse, PageError> {
    booking_tickets::code(guest_of_address(&visitor).0, path).await.map(private)
}

/// Returns the pass of a ticket for Apple Wallet.
pub(crate) async fn pass(visitor: Visitor, path: web::Path<(String, u32)>) -> Result<HttpResponse, PageError> {
    booking_tickets::pass(guest_of_address(&visitor).0, path).await.map(private)
}

/// Returns the tickets to print.
pub(crate) async fn pdf(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    booking_tickets::pdf(guest_of_address(&visitor).0, id).await.map(private)
}

/// Returns the entry for calendars.
pub(crate) async fn calendar(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    booking_tickets::calendar(guest_of_address(&visitor).0, id).await.map(private)
}

/// Asks how many tickets to give back.
pub(crate) async fn ask_to_return(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let (guest, token) = guest_of_address(&visitor);
    let links = ReturnLinks::of_guest(id, home(&token, ""), &token);
    form(&guest, id, new_key(), StatusCode::OK, FormErrors::default(), links).await.map(private)
}

/// Gives tickets back.
pub(crate) async fn return_tickets(visitor: Visitor, id: web::Path<String>, sent: Form) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let token = sent.get("token");
    let links = ReturnLinks::of_guest(id, home(token, ""), token);
    match give_back(&visitor.as_guest(token), id, &sent, links).await? {
        Ok(_) => Ok(private(see_other(&home(token, "returned")))),
        Err(page) => Ok(private(page)),
    }
}

/// Leaves the waiting list.
pub(crate) async fn leave(visitor: Visitor, id: web::Path<String>, sent: Form) -> Result<HttpResponse, PageError> {
    let id: WaitlistEntryId = id.parse().map_err(|_| PageError::NotFound)?;
    let (token, key) = (sent.get("token"), sent.key());
    let call = Call::post("/api/leavewaitlist", json!({"waitlistEntryId": id})).key(&key);
    match visitor.as_guest(token).call::<ChangedEntry>(call).await {
        Ok(_) => Ok(private(see_other(&home(token, "left")))),
        // The page shows the tickets.
        Err(error) if error.code() == "already-promoted" => Ok(private(see_other(&home(token, "")))),
        Err(error) => Err(error),
    }
}
