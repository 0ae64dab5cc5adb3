//! Giving back some or all tickets of a booking, with a page that says what happens.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::ids::BookingId;
use rowlock_domain::states::BookingStatus;
use serde_json::json;

use crate::api::Call;
use crate::api::models::{Booking, ChangedBooking};
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::pages::booking_tickets::unused_tickets;
use crate::pages::tickets::{Ticket, bookings, events_of};
use crate::redirect::see_other;
use crate::view::page::Page;
use crate::visitor::{Visitor, render_status};

#[derive(Template)]
#[template(path = "return_tickets.html")]
struct ReturnPage {
    page: Page,
    errors: FormErrors,
    ticket: Ticket,
    /// How many tickets can be given back, which are those that nobody has used.
    returnable: i64,
    /// Whether nothing can be given back because all tickets were used.
    all_used: bool,
    is_offer: bool,
    key: String,
    labels: String,
    links: ReturnLinks,
}

/// Where the form is sent and where it leads back to.
pub(super) struct ReturnLinks {
    action: String,
    /// The page with the tickets.
    home: String,
    /// The token of the link of a guest.
    token: Option<String>,
}

impl ReturnLinks {
    fn of_account(id: BookingId) -> Self {
        Self { action: format!("/tickets/{id}/return"), home: "/tickets".to_owned(), token: None }
    }

    /// Returns the links for a guest, whose tickets are at `home`.
    pub(super) fn of_guest(id: BookingId, home: String, token: &str) -> Self {
        Self { action: format!("/guest/{id}/return"), home, token: Some(token.to_owned()) }
    }

    /// Returns the page that an account leaves the form for. That of a reservation is its own.
    fn back(&self, ticket: &Ticket) -> String {
        if ticket.reservation.is_some() { format!("/tickets/{}/confirm", ticket.id) } else { self.home.clone() }
    }
}

/// Asks how many tickets to give back.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    form(&visitor, id, new_key(), StatusCode::OK, FormErrors::default(), ReturnLinks::of_account(id)).await
}

/// Gives tickets back.
pub(crate) async fn submit(visitor: Visitor, id: web::Path<String>, sent: Form) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    match give_back(&visitor, id, &sent, ReturnLinks::of_account(id)).await? {
        Ok(booking) if sent.get("offer") == "yes" && booking.status == BookingStatus::Cancelled => {
            Ok(see_other(&format!("/queue?declined={}", booking.id)))
        }
        Ok(booking) => Ok(see_other(&format!("/tickets?returned={}", booking.id))),
        Err(page) => Ok(page),
    }
}

/// Gives tickets back, and returns the booking as it is then, or the form with the errors.
pub(super) async fn give_back(
    visitor: &Visitor,
    id: BookingId,
    sent: &Form,
    links: ReturnLinks,
) -> Result<Result<Booking, HttpResponse>, PageError> {
    let Some(quantity) = sent.number("quantity").filter(|quantity| *quantity > 0) else {
        let mut errors = FormErrors::default();
        errors.add("quantity", visitor.locale.text("invalid-quantity"));
        return form(visitor, id, sent.key(), StatusCode::UNPROCESSABLE_ENTITY, errors, links).await.map(Err);
    };
    let body = json!({"bookingId": id, "quantity": quantity});
    let key = sent.key();
    match visitor.call::<ChangedBooking>(Call::post("/api/cancelbooking", body).key(&key)).await {
        Ok(ChangedBooking { booking }) => Ok(Ok(booking)),
        Err(error @ PageError::SignInNeeded { .. }) => Err(error.then(links.action)),
        Err(error) => match error.problem() {
            Some(problem) if matches!(problem.status, 409 | 422) => {
                let errors = FormErrors::of_problem(problem, &visitor.locale);
                form(visitor, id, new_key(), StatusCode::CONFLICT, errors, links).await.map(Err)
            }
            _ => Err(error),
        },
    }
}

/// Renders the form.
pub(super) async fn form(
    visitor: &Visitor,
    id: BookingId,
    key: String,
    status: StatusCode,
    errors: FormErrors,
    links: ReturnLinks,
) -> Result<HttpResponse, PageError> {
    let bookings = bookings(visitor).await?;
    let booking = bookings.into_iter().find(|booking| booking.id == id).ok_or(PageError::NotFound)?;
    let events = events_of(visitor, std::iter::once(booking.event_id)).await?;
    let ticket = Ticket::new(&booking, events.get(&booking.event_id).map(AsRef::as_ref), visitor);
    // Reserved tickets have no codes yet.
    let returnable = match (ticket.can_return, &ticket.reservation) {
        (false, _) => 0,
        (true, Some(_)) => ticket.quantity,
        (true, None) => unused_tickets(visitor, id).await?,
    };
    let all_used = returnable == 0 && ticket.can_return;
    let locale = &visitor.locale;
    let is_offer = ticket.reservation.as_ref().is_some_and(|reservation| reservation.is_offer);
    let (title, one, many) =
        if is_offer { ("decline-title", "decline-one", "decline-many") } else { ("give-back", "give-back-one", "give-back-many") };
    let labels = json!({"one": locale.text(one), "many": locale.with(many, [("count", "{n}".into())])});
    let page = visitor.page(locale.text(title));
    // The page that answers a form has no token in its address.
    let page = if links.token.is_some() { page.at(links.home.clone()) } else { page.in_section("tickets") };
    render_status(status, &ReturnPage { page, errors, ticket, returnable, all_used, is_offer, key, labels: labels.to_string(), links })
}
