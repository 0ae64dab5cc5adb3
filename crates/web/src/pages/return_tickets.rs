//! Giving back some or all tickets of a booking, with a page that says what happens.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::ids::BookingId;
use rowlock_domain::states::BookingStatus;
use serde_json::json;

use crate::api::Call;
use crate::api::models::ChangedBooking;
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
    is_offer: bool,
    key: String,
    labels: String,
}

/// Asks how many tickets to give back.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    form(&visitor, id, new_key(), StatusCode::OK, FormErrors::default()).await
}

/// Gives tickets back.
pub(crate) async fn submit(visitor: Visitor, id: web::Path<String>, sent: Form) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let Some(quantity) = sent.number("quantity").filter(|quantity| *quantity > 0) else {
        let mut errors = FormErrors::default();
        errors.add("quantity", visitor.locale.text("invalid-quantity"));
        return form(&visitor, id, sent.key(), StatusCode::UNPROCESSABLE_ENTITY, errors).await;
    };
    let body = json!({"bookingId": id, "quantity": quantity});
    let key = sent.key();
    match visitor.call::<ChangedBooking>(Call::post("/api/cancelbooking", body).key(&key)).await {
        Ok(ChangedBooking { booking }) if sent.get("offer") == "yes" && booking.status == BookingStatus::Cancelled => {
            Ok(see_other(&format!("/queue?declined={}", booking.id)))
        }
        Ok(ChangedBooking { booking }) => Ok(see_other(&format!("/tickets?returned={}", booking.id))),
        Err(error @ PageError::SignInNeeded { .. }) => Err(error.then(format!("/tickets/{id}/return"))),
        Err(error) => match error.problem() {
            Some(problem) if matches!(problem.status, 409 | 422) => {
                let errors = FormErrors::of_problem(problem, &visitor.locale);
                form(&visitor, id, new_key(), StatusCode::CONFLICT, errors).await
            }
            _ => Err(error),
        },
    }
}

async fn form(visitor: &Visitor, id: BookingId, key: String, status: StatusCode, errors: FormErrors) -> Result<HttpResponse, PageError> {
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
    let locale = &visitor.locale;
    let is_offer = ticket.reservation.as_ref().is_some_and(|reservation| reservation.is_offer);
    let (title, one, many) =
        if is_offer { ("decline", "decline-one", "decline-many") } else { ("give-back", "give-back-one", "give-back-many") };
    let labels = json!({"one": locale.text(one), "many": locale.with(many, [("count", "{n}".into())])});
    let page = visitor.page(locale.text(title)).in_section("tickets");
    render_status(status, &ReturnPage { page, errors, ticket, returnable, is_offer, key, labels: labels.to_string() })
}
