//! Giving tickets to somebody else: the form with the transfers that are pending, and the page behind the link in the e-mail.
//!
//! Opening the link only shows a page with buttons, because mail scanners open links.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use reqwest::Method;
use rowlock_domain::ids::{BookingId, TransferId};
use rowlock_domain::states::TransferStatus;
use serde_json::json;

use crate::api::Call;
use crate::api::models::{ChangedTransfer, Event, Transfer};
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::pages::booking_tickets::{read_booking, unused_tickets};
use crate::pages::tickets::{Ticket, events_of};
use crate::redirect::see_other;
use crate::view::event::EventView;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render_status};

#[derive(Template)]
#[template(path = "give_tickets.html")]
struct GivePage {
    page: Page,
    /// A sentence about the action that has just been completed.
    notice: Option<String>,
    errors: FormErrors,
    booking: Ticket,
    /// How many tickets nobody has used and are not offered to anybody yet.
    free: i64,
    email: String,
    key: String,
    labels: String,
    pending: Vec<PendingTransfer>,
}

/// A transfer that the visitor can withdraw.
struct PendingTransfer {
    id: String,
    quantity: i64,
    email: String,
    until: String,
    key: String,
}

#[derive(Template)]
#[template(path = "transfer.html")]
struct TransferPage {
    page: Page,
    errors: FormErrors,
    id: TransferId,
    event_id: String,
    event_name: String,
    /// `None` if the event can no longer be read.
    event: Option<EventView>,
    type_name: String,
    quantity: i64,
    until: String,
    token: String,
    accept_key: String,
    decline_key: String,
    state: TransferState,
}

/// The choices of the visitor of the page behind a link.
#[derive(PartialEq, Eq)]
enum TransferState {
    /// Accept or decline.
    Open,
    /// Nothing, because the visitor offered the tickets. Contains the booking.
    Own(String),
    /// Show the tickets of the booking.
    Accepted(String),
    /// Nothing. Contains the sentence that says why.
    Ended(String),
}

/// Converts an error of the API. Some problems have texts of their own here, because their usual texts are about tickets that are given
/// back.
fn errors_of(error: PageError, visitor: &Visitor) -> Result<FormErrors, PageError> {
    match visitor.locale.optional(&format!("transfer-{}", error.code())) {
        Some(text) => Ok(FormErrors::general(text)),
        None => FormErrors::of(error, &visitor.locale),
    }
}

/// Shows the form and the pending transfers of a booking.
pub(crate) async fn show_form(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    give_page(&visitor, &id, StatusCode::OK, "", FormErrors::default()).await
}

/// Offers tickets.
pub(crate) async fn offer(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    let booking: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let email = form.get("toEmail");
    let mut errors = FormErrors::default();
    let quantity = form.number("quantity").filter(|quantity| *quantity > 0);
    if quantity.is_none() {
        errors.add("quantity", visitor.locale.text("invalid-quantity"));
    }
    if email.is_empty() {
        errors.add("toEmail", visitor.locale.text("invalid-toemail"));
    }
    let (Some(quantity), false) = (quantity, email.is_empty()) else {
        return give_page(&visitor, &id, StatusCode::UNPROCESSABLE_ENTITY, email, errors).await;
    };
    let (body, key) = (json!({"bookingId": booking, "quantity": quantity, "toEmail": email}), form.key());
    match visitor.call::<ChangedTransfer>(Call::post("/api/transfers", body).key(&key)).await {
        Ok(_) => Ok(see_other(&format!("/tickets/{booking}/give?done=offered"))),
        Err(error) => {
            let errors = errors_of(error.then(format!("/tickets/{booking}/give")), &visitor)?;
            give_page(&visitor, &id, StatusCode::CONFLICT, email, errors).await
        }
    }
}

/// Withdraws a pending transfer.
pub(crate) async fn withdraw(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    let booking: BookingId = path.0.parse().map_err(|_| PageError::NotFound)?;
    let transfer: TransferId = path.1.parse().map_err(|_| PageError::NotFound)?;
    let (api_path, key) = (format!("/api/transfers/{transfer}/withdraw"), form.key());
    match visitor.call_empty(Call::new(Method::POST, &api_path).key(&key)).await {
        Ok(()) => Ok(see_other(&format!("/tickets/{booking}/give?done=withdrawn"))),
        Err(error) => {
            let errors = errors_of(error.then(format!("/tickets/{booking}/give")), &visitor)?;
            give_page(&visitor, &path.0, StatusCode::CONFLICT, "", errors).await
        }
    }
}

async fn give_page(visitor: &Visitor, id: &str, status: StatusCode, email: &str, errors: FormErrors) -> Result<HttpResponse, PageError> {
    let id: BookingId = id.parse().map_err(|_| PageError::NotFound)?;
    let (booking, zone) = read_booking(visitor, id).await?;
    let locale = &visitor.locale;
    let transfers: Vec<Transfer> = visitor.call_list("/api/transfers", &[("bookingId", &id.to_string())]).await?;
    let is_pending = |transfer: &&Transfer| transfer.status == TransferStatus::Pending && transfer.is_sent();
    let pending: Vec<PendingTransfer> = transfers
        .iter()
        .filter(is_pending)
        .map(|transfer| PendingTransfer {
            id: transfer.id.to_string(),
            quantity: transfer.quantity,
            email: transfer.to_email.clone().unwrap_or_default(),
            until: locale.zoned_date_time(transfer.expires_at, zone),
            key: new_key(),
        })
        .collect();
    let promised: i64 = pending.iter().map(|transfer| transfer.quantity).sum();
    let can_give = booking.has_codes && booking.can_give;
    let free = if can_give { (unused_tickets(visitor, id).await? - promised).max(0) } else { 0 };
    let notice = match visitor.query("done").as_str() {
        "offered" => Some(locale.text("notice-offered")),
        "withdrawn" => Some(locale.text("notice-withdrawn")),
        _ => None,
    };
    let labels = json!({"one": locale.text("offer-one"), "many": locale.with("offer-many", [("count", "{n}".into())])});
    let page = visitor.page(locale.text("give-tickets")).in_section("tickets");
    let (email, key, labels) = (email.to_owned(), new_key(), labels.to_string());
    render_status(status, &GivePage { page, notice, errors, booking, free, email, key, labels, pending })
}

/// Shows the tickets that a link offers.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let token = visitor.query("token");
    link_page(&visitor, &id, StatusCode::OK, &token, FormErrors::default()).await
}

/// Accepts the tickets.
pub(crate) async fn accept(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    match answer(&visitor, &id, "accept", &form).await {
        Ok(Transfer { booking_id: Some(booking), .. }) => Ok(see_other(&format!("/tickets/{booking}?done=received"))),
        Ok(_) => Ok(see_other("/tickets")),
        Err(error) => refused(&visitor, &id, &form, error).await,
    }
}

/// Declines the tickets.
pub(crate) async fn decline(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    match answer(&visitor, &id, "decline", &form).await {
        Ok(transfer) => Ok(see_other(&address(transfer.id, form.get("token")))),
        Err(error) => refused(&visitor, &id, &form, error).await,
    }
}

async fn answer(visitor: &Visitor, id: &str, action: &str, form: &Form) -> Result<Transfer, PageError> {
    let id: TransferId = id.parse().map_err(|_| PageError::NotFound)?;
    let (path, body, key) = (format!("/api/transfers/{id}/{action}"), json!({"token": form.get("token")}), form.key());
    let ChangedTransfer { transfer } = visitor.call(Call::post(&path, body).key(&key)).await?;
    Ok(transfer)
}

async fn refused(visitor: &Visitor, id: &str, form: &Form, error: PageError) -> Result<HttpResponse, PageError> {
    let id: TransferId = id.parse().map_err(|_| PageError::NotFound)?;
    let token = form.get("token");
    let errors = errors_of(error.then(address(id, token)), visitor)?;
    link_page(visitor, &id.to_string(), StatusCode::CONFLICT, token, errors).await
}

/// Returns the address of the page behind the link.
fn address(id: TransferId, token: &str) -> String {
    format!("/transfers/{id}{}", links::query(&[("token", token)]))
}

async fn link_page(visitor: &Visitor, id: &str, status: StatusCode, token: &str, errors: FormErrors) -> Result<HttpResponse, PageError> {
    let id: TransferId = id.parse().map_err(|_| PageError::NotFound)?;
    let path = format!("/api/transfers/{id}");
    let found = visitor.call::<Transfer>(Call::get(&path).transfer_token(token)).await;
    let transfer = found.map_err(|error| error.then(address(id, token)))?;
    let events = events_of(visitor, std::iter::once(transfer.event_id)).await?;
    let event = events.get(&transfer.event_id).map(AsRef::as_ref);
    let locale = &visitor.locale;
    let state = match (transfer.status, transfer.booking_id) {
        (TransferStatus::Pending, Some(booking)) if transfer.is_sent() => TransferState::Own(booking.to_string()),
        (TransferStatus::Pending, _) => TransferState::Open,
        (TransferStatus::Accepted, Some(booking)) if !transfer.is_sent() => TransferState::Accepted(booking.to_string()),
        (status, _) => TransferState::Ended(locale.text(&format!("transfer-is-{status}"))),
    };
    let types = event.into_iter().flat_map(|event| &event.ticket_types);
    let type_name = types.filter(|known| known.id == transfer.ticket_type_id).map(|known| known.name.clone()).next().unwrap_or_default();
    let page = visitor.page(locale.text("transfer-title")).in_section("tickets");
    let page = TransferPage {
        page,
        errors,
        id,
        event_id: transfer.event_id.to_string(),
        event_name: transfer.event_name,
        event: event.map(|event| EventView::new(event, locale, visitor.site.clock.now())),
        type_name,
        quantity: transfer.quantity,
        until: locale.zoned_date_time(transfer.expires_at, event.map_or(Tz::UTC, Event::zone)),
        token: token.to_owned(),
        accept_key: new_key(),
        decline_key: new_key(),
        state,
    };
    let mut response = render_status(status, &page)?;
    // The address of the page contains the token.
    response.headers_mut().insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    Ok(response)
}
