//! Booking: a summary with one button, and the request itself. The summary is an address of its own, so the wish survives the sign-in.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::ids::EventId;
use rowlock_domain::wishes::MAX_CHOICES;
use rowlock_locale::Locale;
use serde_json::{Value, json};

use crate::api::Call;
use crate::api::models::{BookOutcome, Event, TicketType};
use crate::api::problem::ApiError;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key, valid_key};
use crate::i18n::price_text;
use crate::pages::event::fetch;
use crate::redirect::see_other;
use crate::view::deadline::duration;
use crate::view::event::EventView;
use crate::view::links;
use crate::view::minimum::{MinimumChoice, choices};
use crate::view::page::Page;
use crate::view::state::{SaleState, left};
use crate::visitor::{Visitor, render_status};

#[derive(Template)]
#[template(path = "book.html")]
struct BookPage {
    page: Page,
    errors: FormErrors,
    event: EventView,
    type_id: String,
    type_name: String,
    quantity: i64,
    /// The other types that the visitor can wait for as well, if this is the way onto the waiting list.
    others: Vec<OtherType>,
    /// The choices of how few tickets the visitor takes, if this is the way onto the waiting list.
    minimums: Vec<MinimumChoice>,
    each: String,
    total: String,
    left: String,
    /// Parties that wait already, if this is the way onto the waiting list.
    ahead: Option<i64>,
    /// Whether the event has enough tickets, so that one may book at once.
    is_possible: bool,
    /// How long the tickets are held until the booking is confirmed, in words.
    checkout_time: Option<String>,
    /// How long tickets are offered when it is the visitor's turn, in words.
    offer_time: Option<String>,
    key: String,
}

impl BookPage {
    /// Returns the label of the button.
    fn button(&self) -> String {
        let (one, many) = if self.checkout_time.is_some() { ("reserve-one", "reserve-many") } else { ("book-one", "book-many") };
        match (self.ahead, self.quantity) {
            (Some(_), _) => self.page.t("join-waiting-list"),
            (None, 1) => self.page.t(one),
            (None, _) => self.page.t1(many, "count", self.quantity.to_string()),
        }
    }

    /// Says how the visitor gets the tickets from the waiting list.
    fn waiting_summary(&self) -> String {
        match &self.offer_time {
            Some(time) => self.page.t2("waiting-summary-offer", "count", self.quantity, "time", time.as_str()),
            None => self.page.t1("waiting-summary", "count", self.quantity),
        }
    }
}

/// Another ticket type that would do as well.
struct OtherType {
    id: String,
    text: String,
    is_chosen: bool,
}

/// Returns the ids without the chosen type, without empty ones and each once.
fn other_ids<'a>(ids: impl Iterator<Item = &'a str>, chosen: &str) -> Vec<String> {
    let mut others: Vec<String> = Vec::new();
    for id in ids.filter(|id| !id.is_empty() && *id != chosen) {
        if !others.iter().any(|known| known == id) {
            others.push(id.to_owned());
        }
    }
    others
}

/// The booking that a visitor asks for.
struct Wish {
    type_id: String,
    /// The other types that would do as well, after this one.
    also: Vec<String>,
    quantity: i64,
    /// The smallest number of tickets that the visitor takes. `None`: all or none.
    min_quantity: Option<i64>,
    key: String,
    /// Whether the visitor has agreed to wait.
    waits: bool,
}

impl Wish {
    fn of_query(visitor: &Visitor) -> Self {
        Self {
            type_id: visitor.query("type"),
            also: other_ids(visitor.query("also").split(','), &visitor.query("type")),
            quantity: visitor.query("quantity").parse().unwrap_or(1),
            min_quantity: visitor.query("minQuantity").parse().ok(),
            key: valid_key(&visitor.query("key")).unwrap_or_else(new_key),
            waits: visitor.query("wait") == "yes",
        }
    }

    fn of_form(form: &Form) -> Self {
        Self {
            type_id: form.get("type").to_owned(),
            also: other_ids(form.all("also"), form.get("type")),
            quantity: form.number("quantity").unwrap_or(1),
            min_quantity: form.number("minQuantity"),
            key: form.key(),
            waits: form.get("wait") == "yes",
        }
    }

    /// Returns the address of the summary with this wish, key included.
    fn address(&self, event: EventId) -> String {
        let quantity = self.quantity.to_string();
        let wait = if self.waits { "yes" } else { "" };
        let least = self.min_quantity.map(|least| least.to_string()).unwrap_or_default();
        let also = self.also.join(",");
        let pairs = [
            ("type", self.type_id.as_str()),
            ("also", &also),
            ("quantity", &quantity),
            ("minQuantity", &least),
            ("wait", wait),
            ("key", &self.key),
        ];
        format!("/events/{event}/book{}", links::query(&pairs))
    }

    fn ticket_type<'a>(&self, event: &'a Event) -> Result<&'a TicketType, PageError> {
        let named = event.ticket_types.iter().find(|ticket_type| ticket_type.id.to_string() == self.type_id);
        let only = event.ticket_types.first().filter(|_| self.type_id.is_empty() && event.ticket_types.len() == 1);
        named.or(only).ok_or(PageError::NotFound)
    }

    /// Returns the other types of which there are not enough tickets either, and which allow as many.
    fn other_types(&self, event: &Event, chosen: &TicketType, quantity: i64, locale: &Locale) -> Vec<OtherType> {
        let possible = |other: &&TicketType| {
            let max = other.max_per_booking.min(other.total_tickets).min(other.max_per_account.unwrap_or(i64::MAX));
            other.id != chosen.id && other.available_tickets < quantity && quantity <= max
        };
        let other_type = |other: &TicketType| {
            let id = other.id.to_string();
            let price = price_text(locale, &other.price, 1);
            let text = locale
                .with("also-type", [("name", other.name.clone().into()), ("price", price.into()), ("count", other.waitlist_length.into())]);
            OtherType { is_chosen: self.also.contains(&id), id, text }
        };
        event.ticket_types.iter().filter(possible).take(MAX_CHOICES - 1).map(other_type).collect()
    }

    /// Returns the body of the request.
    fn body(&self, event: EventId) -> Value {
        let mut body = json!({"eventId": event, "quantity": self.quantity, "joinWaitlist": self.waits});
        let mut set = |name: &str, value: Value| {
            if let Some(fields) = body.as_object_mut() {
                fields.insert(name.to_owned(), value);
            }
        };
        if self.also.is_empty() {
            set("ticketTypeId", json!(self.type_id));
        } else {
            set("ticketTypeIds", std::iter::once(&self.type_id).chain(&self.also).map(|id| json!(id)).collect());
        }
        // An older API does not know the field.
        if let Some(least) = self.min_quantity.filter(|least| *least != self.quantity) {
            set("minQuantity", json!(least));
        }
        body
    }
}

/// Shows the summary.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    let wish = Wish::of_query(&visitor);
    if visitor.session().is_none() {
        return Err(visitor.sign_in_needed().then(wish.address(id)));
    }
    // The key is part of the address, so that whoever goes back after a lost response sends the same request again.
    if visitor.query("key") != wish.key {
        return Ok(see_other(&wish.address(id)));
    }
    let event = fetch(&visitor, id).await?;
    // The types are chosen on the page of the event.
    if wish.type_id.is_empty() && event.ticket_types.len() > 1 {
        return Ok(see_other(&format!("/events/{id}")));
    }
    summary(&visitor, &event, wish, StatusCode::OK, FormErrors::default())
}

/// Books, or joins the waiting list.
pub(crate) async fn submit(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    let wish = Wish::of_form(&form);
    match visitor.call::<BookOutcome>(Call::post("/api/book", wish.body(id)).key(&wish.key)).await {
        Ok(BookOutcome::Confirmed { booking }) => Ok(see_other(&format!("/tickets?booked={}", booking.id))),
        Ok(BookOutcome::Reserved { booking }) => Ok(see_other(&format!("/tickets/{}/confirm", booking.id))),
        Ok(BookOutcome::Waitlisted { waitlist_entry }) => Ok(see_other(&format!("/queue?joined={}", waitlist_entry.id))),
        Err(error @ PageError::SignInNeeded { .. }) => Err(error.then(wish.address(id))),
        Err(PageError::Api(error)) if error.code() != "event-not-found" => refused(&visitor, id, wish, &error).await,
        Err(error) => Err(error),
    }
}

/// Shows the summary again and says why nothing was booked.
async fn refused(visitor: &Visitor, id: EventId, wish: Wish, error: &ApiError) -> Result<HttpResponse, PageError> {
    visitor.site.caches.forget_event(id);
    let event = fetch(visitor, id).await?;
    let locale = &visitor.locale;
    let (errors, status) = match error {
        ApiError::Problem(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            let errors = match problem.code.as_str() {
                "sold-out" => FormErrors::general(locale.text("just-sold-out")),
                _ => FormErrors::of_problem(problem, locale),
            };
            (errors, status)
        }
        ApiError::Unreachable(_) | ApiError::Unreadable(_) => {
            (FormErrors::general(locale.text("problem-outcome-unknown")), StatusCode::SERVICE_UNAVAILABLE)
        }
    };
    // With the same key the request could only be repeated. A refusal is final, so the next attempt is a new request.
    let key = if status.is_client_error() { new_key() } else { wish.key };
    let waits = wish.waits || error.code() == "sold-out";
    summary(visitor, &event, Wish { key, waits, ..wish }, status, errors)
}

fn summary(visitor: &Visitor, event: &Event, wish: Wish, status: StatusCode, errors: FormErrors) -> Result<HttpResponse, PageError> {
    let (locale, now) = (&visitor.locale, visitor.site.clock.now());
    let ticket_type = wish.ticket_type(event)?;
    let state = SaleState::of(event, now);
    let quantity = wish.quantity.clamp(1, ticket_type.max_per_booking.max(1));
    let waits = wish.waits || ticket_type.available_tickets < quantity || state == SaleState::Ended;
    let title = match (waits, event.checkout_minutes) {
        (true, _) => "join-waiting-list",
        (false, Some(_)) => "check-and-reserve",
        (false, None) => "check-and-book",
    };
    let template = BookPage {
        page: visitor.page(locale.text(title)).in_section("events"),
        errors,
        event: EventView::new(event, locale, now),
        type_id: ticket_type.id.to_string(),
        type_name: ticket_type.name.clone(),
        quantity,
        others: if waits { wish.other_types(event, ticket_type, quantity, locale) } else { Vec::new() },
        minimums: if waits { choices(locale, quantity, wish.min_quantity.unwrap_or(quantity)) } else { Vec::new() },
        each: price_text(locale, &ticket_type.price, 1),
        total: price_text(locale, &ticket_type.price, quantity),
        left: left(locale, ticket_type.available_tickets),
        ahead: waits.then_some(ticket_type.waitlist_length),
        is_possible: state.accepts_waiting(event, now),
        checkout_time: event.checkout_minutes.map(|minutes| duration(locale, minutes)),
        offer_time: event.offer_minutes.map(|minutes| duration(locale, minutes)),
        key: wish.key,
    };
    render_status(status, &template)
}
