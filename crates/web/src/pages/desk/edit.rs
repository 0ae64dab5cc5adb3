//! Creating, changing and copying events.

use std::fmt::Display;

use actix_web::{HttpResponse, web};
use askama::Template;
use reqwest::Method;
use rowlock_domain::time_zone::TimeZoneName;
use serde::Deserialize;

use super::event_form::EventForm;
use super::models::DeskEvent;
use super::{id_in, organizer};
use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::redirect::see_other;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

#[derive(Template)]
#[template(path = "desk/edit.html")]
struct EditPage {
    page: Page,
    errors: FormErrors,
    form: EventForm,
    /// The event that is changed, unless a new one is created.
    event: Option<DeskEvent>,
    version: String,
    key: String,
}

impl EditPage {
    fn new(visitor: &Visitor, form: EventForm, event: Option<(DeskEvent, String)>, errors: FormErrors) -> Self {
        let title = if event.is_some() { "desk-edit-title" } else { "desk-new-title" };
        let mut page = visitor.page(visitor.locale.text(title)).in_section("desk");
        page.width = "wide";
        let (event, version) = event.map_or_else(|| (None, String::new()), |(event, version)| (Some(event), version));
        Self { page, errors, form, event, version, key: new_key() }
    }

    fn time_zones() -> impl Iterator<Item = &'static str> {
        TimeZoneName::all()
    }

    /// Returns the attributes of the field for the zone. The script fills in the zone of the reader when a new event is begun.
    fn zone_attributes(&self) -> &'static str {
        if self.event.is_none() && self.errors.is_empty() && self.form.name.is_empty() {
            r#"list="time-zones" autocomplete="off" required data-zone-of-reader"#
        } else {
            r#"list="time-zones" autocomplete="off" required"#
        }
    }

    /// Returns the label, the hint and the attributes of the field for a duration.
    fn duration_texts(&self, field: &str, largest: &impl Display) -> (String, String, String) {
        let id = format!("desk-field-{}", field.to_ascii_lowercase());
        let attributes = format!("min=\"1\" max=\"{largest}\" inputmode=\"numeric\"");
        (self.page.t(&id), self.page.t(&format!("{id}-hint")), attributes)
    }

    fn time_label(&self, field: &str) -> String {
        self.page.t(&format!("desk-field-{}", field.to_ascii_lowercase()))
    }
}

#[derive(Deserialize)]
struct Created {
    id: rowlock_domain::ids::EventId,
}

/// Shows the form of a new event.
pub(super) async fn new(visitor: Visitor) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    render(&EditPage::new(&visitor, EventForm::blank(), None, FormErrors::default()))
}

/// Shows the form of a new event with the values of another.
pub(super) async fn duplicate(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, _) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    render(&EditPage::new(&visitor, EventForm::copy_of(&event, &visitor.locale), None, FormErrors::default()))
}

/// Creates an event as a draft, or publishes it at once.
pub(super) async fn create(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let entered = EventForm::read(&form);
    let status = if form.get("status") == "published" { "published" } else { "draft" };
    let body = match entered.to_new(status, &visitor.locale) {
        Ok(body) => body,
        Err(errors) => return render_refused(&EditPage::new(&visitor, entered, None, errors)),
    };
    let key = form.key();
    match visitor.call::<Created>(Call::post("/admin/initialize", body).key(&key)).await {
        Ok(created) => Ok(see_other(&format!("/desk/events/{}?done=created", created.id))),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            render_refused(&EditPage::new(&visitor, entered, None, errors))
        }
    }
}

/// Shows the form of an event.
pub(super) async fn edit(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, version) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    render(&EditPage::new(&visitor, EventForm::of(&event), Some((event, version)), FormErrors::default()))
}

/// Changes an event, unless somebody else has changed it since the form was shown.
pub(super) async fn change(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, version) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    let entered = EventForm::read(&form);
    let body = match entered.to_change(&event, &visitor.locale) {
        Ok(body) => body,
        Err(errors) => return render_refused(&EditPage::new(&visitor, entered, Some((event, version)), errors)),
    };
    let (key, shown) = (form.key(), form.get("version").to_owned());
    let path = format!("/admin/events/{}", event.id);
    let call = Call::new(Method::PATCH, &path).body(body).key(&key);
    match visitor.call_empty(if shown.is_empty() { call } else { call.if_match(&shown) }).await {
        Ok(()) => Ok(see_other(&format!("/desk/events/{}?done=changed", event.id))),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            render_refused(&EditPage::new(&visitor, entered, Some((event, version)), errors))
        }
    }
}
