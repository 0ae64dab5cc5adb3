//! Raising or lowering the number of tickets, with a page in between that says what will happen.

use actix_web::{HttpResponse, web};
use askama::Template;
use fluent_bundle::FluentValue;
use reqwest::Method;
use serde_json::json;

use super::models::{DeskEvent, DeskTicketType};
use super::{id_in, organizer};
use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::redirect::see_other;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

#[derive(Template)]
#[template(path = "desk/capacity.html")]
struct CapacityPage {
    page: Page,
    errors: FormErrors,
    event: DeskEvent,
    version: String,
    /// The wished numbers, in the order of the ticket types.
    wished: Vec<i64>,
    /// The effects of the change, a sentence for each changed ticket type. Empty while the numbers are being entered.
    effects: Vec<String>,
    key: String,
}

impl CapacityPage {
    fn new(visitor: &Visitor, event: DeskEvent, version: String) -> Self {
        let mut page = visitor.page(visitor.locale.text("desk-capacity-title")).in_section("desk");
        page.width = "wide";
        let wished = event.ticket_types.iter().map(|kind| kind.total_tickets).collect();
        Self { page, errors: FormErrors::default(), event, version, wished, effects: Vec::new(), key: new_key() }
    }

    /// Says below the field of a ticket type how many tickets are taken, and how many parties wait.
    fn hint(&self, kind: &DeskTicketType) -> String {
        let number = |number: i64| FluentValue::from(number);
        let id = if kind.reserved_tickets > 0 { "desk-capacity-hint-reserved" } else { "desk-capacity-hint" };
        self.page.locale().with(
            id,
            [("sold", number(kind.booked_tickets)), ("reserved", number(kind.reserved_tickets)), ("waiting", number(kind.waitlist_length))],
        )
    }

    /// Returns the ticket types with their wished numbers.
    fn rows(&self) -> Vec<(&DeskTicketType, i64, String)> {
        let named = |(kind, wished): (_, &i64)| {
            let kind: &DeskTicketType = kind;
            (kind, *wished, field_of(kind))
        };
        self.event.ticket_types.iter().zip(&self.wished).map(named).collect()
    }
}

fn field_of(kind: &DeskTicketType) -> String {
    format!("total-{}", kind.id)
}

/// Says what a new number of tickets means for those who wait and for those who want to book.
fn effect(visitor: &Visitor, kind: &DeskTicketType, wished: i64) -> Option<String> {
    let change = wished - kind.total_tickets;
    let id = match change {
        0 => return None,
        ..0 => "desk-capacity-lowered",
        _ if kind.waitlist_length > 0 => "desk-capacity-raised-for-queue",
        _ => "desk-capacity-raised",
    };
    let number = |number: i64| FluentValue::from(number);
    Some(visitor.locale.with(
        id,
        [
            ("type", kind.name.clone().into()),
            ("change", number(change.abs())),
            ("total", number(wished)),
            ("waiting", number(kind.waitlist_length)),
            ("left", number((kind.available_tickets + change).max(0))),
        ],
    ))
}

/// Shows the numbers of tickets.
pub(super) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, version) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    render(&CapacityPage::new(&visitor, event, version))
}

/// Says what the new numbers will do, and changes them once that is confirmed.
pub(super) async fn submit(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, version) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    let mut shown = CapacityPage::new(&visitor, event, version);
    let mut errors = FormErrors::default();
    for (kind, wished) in shown.event.ticket_types.iter().zip(&mut shown.wished) {
        let field = field_of(kind);
        match form.number(&field) {
            Some(number) if number >= kind.taken_tickets().max(1) && number <= 1_000_000_000 => *wished = number,
            Some(number) if number > 0 && number < kind.taken_tickets() => {
                *wished = number;
                let sold = FluentValue::from(kind.taken_tickets());
                let id = if kind.reserved_tickets > 0 { "desk-capacity-below-taken" } else { "desk-capacity-below-sold" };
                errors.add(&field, visitor.locale.with(id, [("type", kind.name.clone().into()), ("sold", sold)]));
            }
            _ => errors.add(&field, visitor.locale.with("desk-capacity-invalid", [("type", kind.name.clone().into())])),
        }
    }
    if !errors.is_empty() {
        shown.errors = errors;
        return render_refused(&shown);
    }
    let changes: Vec<_> =
        shown.event.ticket_types.iter().zip(&shown.wished).filter(|(kind, wished)| kind.total_tickets != **wished).collect();
    if changes.is_empty() {
        return Ok(see_other(&format!("/desk/events/{}", shown.event.id)));
    }
    shown.effects = changes.iter().filter_map(|(kind, wished)| effect(&visitor, kind, **wished)).collect();
    if form.get("confirmed") != "yes" {
        return render(&shown);
    }
    let (key, sent) = (form.key(), form.get("version").to_owned());
    let types: Vec<_> = changes.iter().map(|(kind, wished)| json!({"id": kind.id, "totalTickets": wished})).collect();
    let path = format!("/admin/events/{}", shown.event.id);
    let call = Call::new(Method::PATCH, &path).body(json!({"ticketTypes": types})).key(&key);
    match visitor.call_empty(if sent.is_empty() { call } else { call.if_match(&sent) }).await {
        Ok(()) => Ok(see_other(&format!("/desk/events/{}?done=capacity", shown.event.id))),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            shown.errors = errors;
            shown.effects.clear();
            render_refused(&shown)
        }
    }
}
