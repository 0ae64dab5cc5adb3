//! Giving back some or all tickets of a booking, with a page that says what happens.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::ids::BookingId;
use serde_json::json;

use crate::api::Call;
use crate::api::models::Returned;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
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
    match visitor.call::<Returned>(Call::post("/api/cancelbooking", body).key(&key)).await {
        Ok(Returned { booking }) => Ok(see_other(&format!("/tickets?returned={}", booking.id))),
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
    let locale = &visitor.locale;
    let labels = json!({"one": locale.text("give-back-one"), "many": locale.with("give-back-many", [("count", "{n}".into())])});
    let page = visitor.page(locale.text("give-back")).in_section("tickets");
    render_status(status, &ReturnPage { page, errors, ticket, key, labels: labels.to_string() })
}
