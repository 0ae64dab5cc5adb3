//! The bookings of an event: the list, its export, and cancelling for a person.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use fluent_bundle::FluentValue;
use futures_util::TryStreamExt;
use rowlock_domain::ids::BookingId;
use rowlock_domain::states::BookingStatus;
use serde_json::json;

use super::confirm::ConfirmPage;
use super::models::{DeskEvent, HeldBooking};
use super::{done, id_in, next_page, organizer};
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::redirect::see_other;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_status};

#[derive(Template)]
#[template(path = "desk/bookings.html")]
struct BookingsPage {
    page: Page,
    done: Option<String>,
    event: DeskEvent,
    bookings: Vec<HeldBooking>,
    /// The status by which the list is filtered.
    status: Option<BookingStatus>,
    next: Option<String>,
}

/// Shows the bookings of an event, latest first.
pub(super) async fn list(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, _) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    let here = format!("/desk/events/{}/bookings", event.id);
    let status: Option<BookingStatus> = visitor.query("status").parse().ok();
    let filter = status.map_or("", BookingStatus::as_str);
    let query = links::query(&[("status", filter), ("cursor", &visitor.query("cursor")), ("limit", "50")]);
    let list: List<HeldBooking> = visitor.call(Call::get(&format!("/admin/events/{}/bookings{query}", event.id))).await?;
    let mut page = visitor.page(visitor.locale.text("desk-bookings")).in_section("desk");
    page.width = "wide";
    let next = next_page(&visitor, &here, &["status"], list.next_cursor.as_ref());
    render(&BookingsPage { page, done: done(&visitor), event, bookings: list.items, status, next })
}

/// Hands on the export of the API as it arrives.
pub(super) async fn export(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let id: rowlock_domain::ids::EventId = id_in(&id)?;
    let response = visitor.respond(Call::get(&format!("/admin/events/{id}/bookings?format=csv"))).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"bookings-{id}.csv\"")))
        .streaming(response.bytes_stream().map_err(actix_web::error::ErrorBadGateway)))
}

fn question(visitor: &Visitor, event: &str, booking: &BookingId) -> ConfirmPage {
    let here = format!("/desk/events/{event}/bookings");
    let action = format!("{here}/{booking}/cancel");
    let text = |id: &str| visitor.locale.text(id);
    let mut page = ConfirmPage::new(visitor, text("desk-cancel-booking-title"), text("desk-cancel-booking-button"), action, here);
    page.sentences = vec![text("desk-cancel-booking-explanation")];
    page.facts = vec![
        (text("desk-holder"), visitor.query("holder")),
        (text("desk-tickets"), visitor.query("tickets")),
        (text("desk-booking-id"), booking.to_string()),
    ];
    page.facts.retain(|(_, value)| !value.is_empty());
    page.asks_reason = true;
    page.is_danger = true;
    page
}

/// Asks before a person's booking is cancelled.
pub(super) async fn ask_to_cancel(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    render(&question(&visitor, &path.0, &id_in(&path.1)?))
}

/// Cancels a person's booking.
pub(super) async fn cancel(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let booking: BookingId = id_in(&path.1)?;
    let (key, reason) = (form.key(), form.get("reason"));
    let body = if reason.is_empty() { json!({}) } else { json!({"reason": reason}) };
    match visitor.call_empty(Call::post(&format!("/admin/bookings/{booking}/cancel"), body).key(&key)).await {
        Ok(()) => Ok(see_other(&format!("/desk/events/{}/bookings?done=booking-cancelled", path.0))),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            let mut page = question(&visitor, &path.0, &booking);
            page.errors = errors;
            reason.clone_into(&mut page.reason);
            render_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

impl BookingsPage {
    fn count_text(&self) -> String {
        let sold = self.page.t1("desk-tickets-sold", "count", FluentValue::from(self.event.booked_tickets));
        match self.event.reserved_tickets {
            0 => sold,
            reserved => format!("{sold} · {}", self.page.t1("desk-number-reserved", "count", FluentValue::from(reserved))),
        }
    }

    fn cancel_link(&self, booking: &HeldBooking) -> String {
        let query = links::query(&[("holder", &booking.account.name), ("tickets", &booking.quantity.to_string())]);
        format!("/desk/events/{}/bookings/{}/cancel{query}", self.event.id, booking.id)
    }

    fn send_link(&self, booking: &HeldBooking) -> String {
        let query = links::query(&[("holder", &booking.account.name), ("email", &booking.account.email)]);
        format!("/desk/events/{}/bookings/{}/link{query}", self.event.id, booking.id)
    }

    /// Returns the filters: link, text, and whether it is the current one.
    fn filters(&self) -> Vec<(String, String, bool)> {
        let link = |status: &str| format!("/desk/events/{}/bookings{}", self.event.id, links::query(&[("status", status)]));
        let all = (link(""), self.page.t("desk-all-bookings"), self.status.is_none());
        let one = |status: &BookingStatus| {
            let text = self.page.t(&format!("desk-booking-{status}"));
            (link(status.as_str()), text, self.status == Some(*status))
        };
        std::iter::once(all).chain(BookingStatus::ALL.iter().map(one)).collect()
    }

    fn origin_text(&self, booking: &HeldBooking) -> String {
        // A guest has no account, so somebody at the desk has booked.
        let origin = if booking.for_guest && booking.origin == "direct" { "manual" } else { booking.origin.as_str() };
        let id = format!("desk-origin-{origin}");
        self.page.locale().optional(&id).unwrap_or_else(|| booking.origin.clone())
    }
}
