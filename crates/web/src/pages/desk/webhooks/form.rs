//! Creating and changing webhooks.

use actix_web::{HttpResponse, web};
use askama::Template;
use reqwest::Method;
use rowlock_domain::ids::WebhookId;
use rowlock_locale::Locale;
use serde_json::{Map, Value, json};

use super::models::{TYPES, Webhook, type_text};
use super::secret::{WithSecret, show_new};
use super::{admit, find_event, id_in, new_page};
use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::pages::desk::models::DeskEvent;
use crate::redirect::see_other;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

/// The values entered into the form.
#[derive(Debug, Default)]
struct WebhookForm {
    url: String,
    description: String,
    /// Whether only the messages of `types` are sent, and not all.
    only_some: bool,
    types: Vec<String>,
    /// Empty for all events.
    event: String,
}

impl WebhookForm {
    fn of(webhook: Webhook) -> Self {
        Self {
            url: webhook.url,
            description: webhook.description.unwrap_or_default(),
            only_some: webhook.types.is_some(),
            types: webhook.types.unwrap_or_default(),
            event: webhook.event_id.map(|id| id.to_string()).unwrap_or_default(),
        }
    }

    fn read(form: &Form) -> Self {
        Self {
            url: form.get("url").to_owned(),
            description: form.get("description").to_owned(),
            only_some: form.get("which") == "some",
            types: form.all("types").map(str::to_owned).collect(),
            event: form.get("eventId").to_owned(),
        }
    }

    /// Returns the fields that creating and changing share. The API checks them.
    fn body(&self, locale: &Locale) -> Result<Map<String, Value>, FormErrors> {
        if self.only_some && self.types.is_empty() {
            let mut errors = FormErrors::default();
            errors.add("types", locale.text("webhook-missing-types"));
            return Err(errors);
        }
        let optional = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        let types = if self.only_some { json!(self.types) } else { Value::Null };
        let fields =
            [("url", json!(self.url)), ("description", optional(&self.description)), ("types", types), ("eventId", optional(&self.event))];
        Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// An option of a select or a checkbox.
struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "desk/webhook_edit.html")]
struct EditPage {
    page: Page,
    errors: FormErrors,
    form: WebhookForm,
    /// The webhook that is changed, unless a new one is created.
    id: Option<WebhookId>,
    /// The events to choose from: the upcoming ones, and the one that is chosen.
    events: Vec<DeskEvent>,
    key: String,
}

impl EditPage {
    async fn new(visitor: &Visitor, form: WebhookForm, id: Option<WebhookId>, errors: FormErrors) -> Result<Self, PageError> {
        let title = if id.is_some() { "webhook-edit-title" } else { "webhook-new-title" };
        let page = new_page(visitor, visitor.locale.text(title));
        let mut events: Vec<DeskEvent> = visitor.call_list("/admin/events", &[("when", "upcoming")]).await?;
        if let Ok(chosen) = form.event.parse()
            && !events.iter().any(|event| event.id == chosen)
        {
            events.extend(find_event(visitor, chosen).await?);
        }
        Ok(Self { page, errors: errors.at_list("types"), form, id, events, key: new_key() })
    }

    /// Returns the address that the form is sent to, and that of the page before.
    fn addresses(&self) -> (String, String) {
        match self.id {
            Some(id) => (format!("/desk/webhooks/{id}/edit"), format!("/desk/webhooks/{id}")),
            None => ("/desk/webhooks/new".to_owned(), "/desk/webhooks".to_owned()),
        }
    }

    /// Returns the types of messages by subject.
    fn groups(&self) -> Vec<(String, Vec<Choice>)> {
        let choice = |name: &&str| {
            let is_chosen = self.form.types.iter().any(|chosen| chosen == name);
            Choice { value: (*name).to_owned(), text: type_text(self.page.locale(), name), is_chosen }
        };
        TYPES.iter().map(|(subject, types)| (self.page.t(subject), types.iter().map(choice).collect())).collect()
    }

    /// Returns the chosen types that this page does not know, because the API is newer. They stay chosen.
    fn unknown_types(&self) -> impl Iterator<Item = &String> {
        self.form.types.iter().filter(|chosen| !TYPES.iter().any(|(_, types)| types.contains(&chosen.as_str())))
    }

    /// Returns the events with their days.
    fn event_choices(&self) -> Vec<Choice> {
        let choice = |event: &DeskEvent| {
            let day = event.starts_at.map(|at| format!(" ({})", self.page.locale().short_date(at, event.zone())));
            let (value, text) = (event.id.to_string(), format!("{}{}", event.name, day.unwrap_or_default()));
            Choice { is_chosen: value == self.form.event, value, text }
        };
        let mut choices: Vec<_> = self.events.iter().map(choice).collect();
        // The event may have been deleted. It stays chosen, because otherwise saving would send the messages of all events.
        if !self.form.event.is_empty() && !choices.iter().any(|choice| choice.is_chosen) {
            choices.push(Choice { value: self.form.event.clone(), text: self.page.t("webhook-deleted-event"), is_chosen: true });
        }
        choices
    }
}

/// Shows the form of a new webhook.
pub(super) async fn new(visitor: Visitor) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    render(&EditPage::new(&visitor, WebhookForm::default(), None, FormErrors::default()).await?)
}

/// Creates a webhook and shows its secret.
pub(super) async fn create(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    let (entered, key) = (WebhookForm::read(&form), form.key());
    let errors = match entered.body(&visitor.locale) {
        Ok(mut body) => {
            body.retain(|_, value| !value.is_null());
            match visitor.call::<WithSecret>(Call::post("/admin/webhooks", body).key(&key)).await {
                Ok(created) => return show_new(&visitor, created),
                Err(error) => FormErrors::of(error, &visitor.locale)?,
            }
        }
        Err(errors) => errors,
    };
    render_refused(&EditPage::new(&visitor, entered, None, errors).await?)
}

/// Shows the form of a webhook.
pub(super) async fn edit(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    let webhook = Webhook::read(&visitor, id_in(&id)?).await?;
    let id = webhook.id;
    render(&EditPage::new(&visitor, WebhookForm::of(webhook), Some(id), FormErrors::default()).await?)
}

/// Changes a webhook.
pub(super) async fn change(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    let (id, entered, key) = (id_in::<WebhookId>(&id)?, WebhookForm::read(&form), form.key());
    let errors = match entered.body(&visitor.locale) {
        Ok(body) => {
            let path = format!("/admin/webhooks/{id}");
            match visitor.call_empty(Call::new(Method::PATCH, &path).body(body).key(&key)).await {
                Ok(()) => return Ok(see_other(&format!("/desk/webhooks/{id}?done=webhook-changed"))),
                Err(error) => FormErrors::of(error, &visitor.locale)?,
            }
        }
        Err(errors) => errors,
    };
    render_refused(&EditPage::new(&visitor, entered, Some(id), errors).await?)
}
