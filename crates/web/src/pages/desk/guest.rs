//! Booking for a guest, who needs no account: complimentary tickets, or sales at the door. The guest gets a link by e-mail.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::{Map, Value, json};

use super::models::DeskEvent;
use super::{id_in, organizer};
use crate::api::Call;
use crate::api::models::GuestOutcome;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::redirect::see_other;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

#[derive(Template)]
#[template(path = "desk/guest.html")]
struct GuestPage {
    page: Page,
    errors: FormErrors,
    event: DeskEvent,
    form: Form,
    key: String,
}

impl GuestPage {
    async fn new(visitor: &Visitor, id: &str, form: Form, errors: FormErrors) -> Result<Self, PageError> {
        let (event, _) = DeskEvent::read(visitor, id_in(id)?).await?;
        let mut page = visitor.page(visitor.locale.text("desk-guest-title")).in_section("desk");
        page.width = "wide";
        Ok(Self { page, errors, event, form, key: new_key() })
    }

    fn quantity(&self) -> &str {
        match self.form.get("quantity") {
            "" => "1",
            quantity => quantity,
        }
    }
}

/// Shows the form.
pub(super) async fn new(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    render(&GuestPage::new(&visitor, &id, Form::default(), FormErrors::default()).await?)
}

/// Books, or puts the guest into the queue if that was chosen.
pub(super) async fn book(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let event: rowlock_domain::ids::EventId = id_in(&id)?;
    let mut body: Map<String, Value> = Map::new();
    for field in ["name", "email", "accountId", "reason", "ticketTypeId"] {
        let value = form.get(field);
        if !value.is_empty() {
            body.insert(field.to_owned(), json!(value));
        }
    }
    body.insert("quantity".to_owned(), form.number("quantity").map_or_else(|| json!(form.get("quantity")), |number| json!(number)));
    body.insert("joinWaitlist".to_owned(), json!(form.get("joinWaitlist") == "yes"));
    let key = form.key();
    let path = format!("/admin/events/{event}/bookings");
    match visitor.call::<GuestOutcome>(Call::post(&path, body).key(&key)).await {
        Ok(GuestOutcome { status }) if status == "waitlisted" => {
            Ok(see_other(&format!("/desk/events/{event}/waitinglist?done=guest-waits")))
        }
        Ok(_) => Ok(see_other(&format!("/desk/events/{event}/bookings?done=guest-booked"))),
        Err(error) => {
            let errors = if error.code() == "account-not-found" {
                let mut errors = FormErrors::default();
                errors.add("accountId", visitor.locale.text("invalid-accountid"));
                errors
            } else {
                FormErrors::of(error, &visitor.locale)?
            };
            render_refused(&GuestPage::new(&visitor, &id, form, errors).await?)
        }
    }
}
