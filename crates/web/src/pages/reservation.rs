//! A reservation or an offer: the page on which its tickets are confirmed in time, and which says what became of it.

use std::borrow::Borrow;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use rowlock_domain::ids::BookingId;
use rowlock_domain::states::BookingStatus;
use serde_json::json;

use crate::api::Call;
use crate::api::models::{Booking, ChangedBooking, Event, List};
use crate::csrf;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::i18n::price_text;
use crate::pages::tickets::{Ticket, bookings, events_of};
use crate::redirect::see_other;
use crate::view::deadline::Deadline;
use crate::view::links;
use crate::view::page::Page;
use crate::view::words::Words;
use crate::visitor::{Visitor, render_status};

/// A booking that waits to be confirmed, with its form.
pub(crate) struct Reservation {
    pub(crate) deadline: Deadline,
    /// Whether it is an offer to a party of the waiting list.
    pub(crate) is_offer: bool,
    /// The fields that every form has, as safe HTML.
    pub(crate) hidden_fields: String,
}

impl Reservation {
    /// Returns the reservation of a booking, if it can still be confirmed.
    pub(crate) fn of(booking: &Booking, zone: Tz, visitor: &Visitor) -> Option<Self> {
        let now = visitor.site.clock.now();
        let until = booking.reserved_until(now)?;
        let key = format!("<input type=\"hidden\" name=\"key\" value=\"{}\">", new_key());
        Some(Self {
            deadline: Deadline::new(until, zone, &visitor.locale, now),
            is_offer: booking.is_offer(),
            hidden_fields: csrf::hidden_field(&visitor.form_token()) + &key,
        })
    }

    /// Returns the label of the button.
    pub(crate) fn button(&self, page: &Words<'_>, quantity: &impl Borrow<i64>) -> String {
        let quantity = *quantity.borrow();
        let id = match (self.is_offer, quantity) {
            (false, 1) => "confirm-one",
            (false, _) => "confirm-many",
            (true, 1) => "accept-one",
            (true, _) => "accept-many",
        };
        page.t1(id, "count", quantity.to_string())
    }
}

#[derive(Template)]
#[template(path = "reservation.html")]
struct ReservationPage {
    page: Page,
    errors: FormErrors,
    /// The part that follows the booking, as safe HTML.
    part: String,
}

/// The outcome of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Lapsed,
    Confirmed,
    Cancelled,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Lapsed => "lapsed",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The part of the page that follows the booking.
#[derive(Template)]
#[template(path = "reservation_part.html")]
struct ReservationPart<'a> {
    page: Words<'a>,
    ticket: Ticket,
    stage: Stage,
    is_offer: bool,
    /// When the reservation has ended, in words.
    ended: Option<Deadline>,
    /// Price of one ticket and of all, if the event can be read.
    prices: Option<(String, String)>,
    /// The address of the summary for the same tickets.
    again: String,
}

impl<'a> ReservationPart<'a> {
    /// Describes a booking. `is_refused` says that the API has refused the confirmation because the time has run out, whatever the
    /// clock of this service says.
    fn new(booking: &Booking, event: Option<&Event>, visitor: &'a Visitor, is_refused: bool) -> Self {
        let (locale, now) = (&visitor.locale, visitor.site.clock.now());
        let zone = event.map_or(Tz::UTC, Event::zone);
        let ticket = Ticket::new(booking, event, visitor);
        let stage = match booking.status {
            BookingStatus::Confirmed => Stage::Confirmed,
            BookingStatus::Cancelled => Stage::Cancelled,
            BookingStatus::Reserved if ticket.reservation.is_some() && !is_refused => Stage::Open,
            BookingStatus::Reserved | BookingStatus::Expired => Stage::Lapsed,
        };
        let ticket_type = event.and_then(|event| event.ticket_types.iter().find(|known| known.id == booking.ticket_type_id));
        let price = |quantity| ticket_type.map(|known| price_text(locale, &known.price, quantity));
        let (ticket_type, quantity) = (booking.ticket_type_id.to_string(), booking.quantity.to_string());
        let wish = links::query(&[("type", ticket_type.as_str()), ("quantity", &quantity)]);
        Self {
            page: Words(locale),
            ticket,
            stage,
            is_offer: booking.is_offer(),
            ended: booking.expires_at.map(|at| Deadline::new(at, zone, locale, now)),
            prices: price(1).zip(price(booking.quantity)),
            again: format!("/events/{}/book{wish}", booking.event_id),
        }
    }

    /// Returns the heading, which is the title of the page as well.
    fn heading(&self) -> String {
        self.page.t(match (self.stage, self.is_offer) {
            (Stage::Open, false) => "reservation-title",
            (Stage::Open, true) => "offer-title",
            (Stage::Lapsed, false) => "reservation-lapsed-title",
            (Stage::Lapsed, true) => "offer-lapsed-title",
            (Stage::Confirmed, _) => "reservation-confirmed-title",
            (Stage::Cancelled, _) => "reservation-cancelled-title",
        })
    }

    /// Says when the time ran out, and where the tickets are.
    fn lapsed(&self) -> String {
        let Some(ended) = &self.ended else { return String::new() };
        let id = match (self.is_offer, ended.is_today) {
            (false, true) => "reservation-lapsed-today",
            (false, false) => "reservation-lapsed-earlier",
            (true, true) => "offer-lapsed-today",
            (true, false) => "offer-lapsed-earlier",
        };
        self.page.t1(id, "when", ended.text.as_str())
    }

    /// Says what became of the reservation, for screen readers.
    fn news(&self) -> String {
        if self.stage == Stage::Lapsed { self.lapsed() } else { self.heading() }
    }
}

/// Shows a reservation.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    page(&visitor, id, StatusCode::OK, FormErrors::default(), false).await
}

/// Confirms a reservation or accepts an offer.
pub(crate) async fn confirm(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let key = form.key();
    match visitor.call::<ChangedBooking>(Call::post("/api/confirmbooking", json!({"bookingId": id})).key(&key)).await {
        Ok(ChangedBooking { booking }) => Ok(see_other(&format!("/tickets?booked={}", booking.id))),
        Err(error @ PageError::SignInNeeded { .. }) => Err(error.then(format!("/tickets/{id}/confirm"))),
        Err(error) => match error.problem() {
            Some(problem) if matches!(problem.code.as_str(), "reservation-expired" | "booking-cancelled") => {
                let has_lapsed = problem.code == "reservation-expired";
                page(&visitor, id, StatusCode::CONFLICT, FormErrors::default(), has_lapsed).await
            }
            Some(problem) if matches!(problem.status, 409 | 422) => {
                page(&visitor, id, StatusCode::CONFLICT, FormErrors::of_problem(problem, &visitor.locale), false).await
            }
            _ => Err(error),
        },
    }
}

async fn page(
    visitor: &Visitor,
    id: BookingId,
    status: StatusCode,
    errors: FormErrors,
    has_lapsed: bool,
) -> Result<HttpResponse, PageError> {
    let bookings = bookings(visitor).await?;
    let part = part(visitor, &bookings, id, has_lapsed).await?.ok_or(PageError::NotFound)?;
    let page = visitor.page(part.heading()).in_section("tickets");
    let part = part.render()?;
    render_status(status, &ReservationPage { page, errors, part })
}

/// Renders an update of the page, from the list of bookings in an update of the API. Returns `None` if the list does not contain the
/// booking, because it has more bookings than fit into an update.
pub(crate) async fn live_part(visitor: &Visitor, bookings: &str, id: BookingId) -> Result<Option<String>, PageError> {
    let bookings: List<Booking> = serde_json::from_str(bookings).map_err(|_| PageError::Internal)?;
    let Some(part) = part(visitor, &bookings.items, id, false).await? else { return Ok(None) };
    Ok(Some(part.render()?))
}

async fn part<'a>(
    visitor: &'a Visitor,
    bookings: &[Booking],
    id: BookingId,
    is_refused: bool,
) -> Result<Option<ReservationPart<'a>>, PageError> {
    let Some(booking) = bookings.iter().find(|booking| booking.id == id) else { return Ok(None) };
    let events = events_of(visitor, std::iter::once(booking.event_id)).await?;
    let event = events.get(&booking.event_id).map(AsRef::as_ref);
    Ok(Some(ReservationPart::new(booking, event, visitor, is_refused)))
}
