//! A webhook with the log of its deliveries, which can be sent again one by one or for a span of time.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use fluent_bundle::FluentValue;
use reqwest::Method;
use rowlock_domain::ids::{MessageId, WebhookId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::models::{Attempt, Delivery, Webhook, type_text, utc};
use super::{admit, done, event_text, id_in, names_of_events, new_page, next_page};
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::i18n::problem_text;
use crate::pages::desk::event_form::instant;
use crate::redirect::see_other;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

/// The statuses by which the log can be filtered.
const STATUSES: [&str; 3] = ["pending", "delivered", "failed"];

#[derive(Template)]
#[template(path = "desk/webhook.html")]
struct WebhookPage {
    page: Page,
    done: Option<String>,
    errors: FormErrors,
    webhook: Webhook,
    event: String,
    /// The status by which the log is filtered, or an empty text.
    status_filter: &'static str,
    deliveries: Vec<Delivery>,
    next: Option<String>,
    /// The values entered into the form for a span of time.
    form: Form,
    key: String,
}

impl WebhookPage {
    async fn new(visitor: &Visitor, id: WebhookId, form: Form, errors: FormErrors) -> Result<Self, PageError> {
        let webhook = Webhook::read(visitor, id).await?;
        let (status_filter, cursor) = (status_filter(visitor), visitor.query("cursor"));
        let query = links::query(&[("status", status_filter), ("cursor", &cursor)]);
        let path = format!("/admin/webhooks/{id}/deliveries{query}");
        let list: List<Delivery> = visitor.call(Call::get(&path)).await?;
        let events = names_of_events(visitor, std::slice::from_ref(&webhook)).await?;
        let page = new_page(visitor, webhook.name());
        let event = event_text(&page, &webhook, &events);
        let next = next_page(visitor, &format!("/desk/webhooks/{id}"), &["status"], list.next_cursor.as_ref());
        let done = done(visitor).or_else(|| resent(visitor));
        Ok(Self { page, done, errors, webhook, event, status_filter, deliveries: list.items, next, form, key: new_key() })
    }

    /// Returns the filters of the log as pairs of address and text, and whether it is the present one.
    fn filters(&self) -> Vec<(String, String, bool)> {
        let filter = |status: &str, text: &str| {
            let link = format!("/desk/webhooks/{}{}", self.webhook.id, links::query(&[("status", status)]));
            (link, self.page.t(text), self.status_filter == status)
        };
        let statuses = STATUSES.map(|status| filter(status, &format!("delivery-{status}")));
        std::iter::once(filter("", "desk-when-all")).chain(statuses).collect()
    }

    /// Returns the address that sends a message again and returns to the present filter.
    fn resend_link(&self, delivery: &Delivery) -> String {
        let query = links::query(&[("status", self.status_filter)]);
        format!("/desk/webhooks/{}/deliveries/{}/resend{query}", self.webhook.id, delivery.id)
    }

    fn new_key() -> String {
        new_key()
    }

    /// Returns when an attempt was made and how long it took.
    fn attempt_text(&self, attempt: &Attempt) -> String {
        let at = utc(self.page.locale(), attempt.at);
        self.page.t2("delivery-attempt", "time", at, "ms", attempt.duration_ms)
    }

    fn type_text(&self, delivery: &Delivery) -> String {
        type_text(self.page.locale(), &delivery.message_type)
    }

    /// Returns the types of messages by name.
    fn types_text(&self) -> String {
        let locale = self.page.locale();
        match &self.webhook.types {
            None => locale.text("webhook-all-types"),
            Some(types) => types.iter().map(|name| type_text(locale, name)).collect::<Vec<_>>().join(", "),
        }
    }

    /// Returns the sentence about a secret that was replaced but is still valid.
    fn previous_secret(&self) -> Option<String> {
        let until = self.webhook.previous_secret_until?;
        Some(self.page.t1("webhook-previous-secret-until", "time", utc(self.page.locale(), until)))
    }
}

/// Returns the status in the query, or an empty text for all.
fn status_filter(visitor: &Visitor) -> &'static str {
    let wanted = visitor.query("status");
    STATUSES.into_iter().find(|status| *status == wanted).unwrap_or_default()
}

/// Returns the sentence about how many messages are sent again, which the address names.
fn resent(visitor: &Visitor) -> Option<String> {
    let count: i64 = visitor.query("resent").parse().ok().filter(|count| *count >= 0)?;
    Some(visitor.locale.with("webhook-resent", [("count", FluentValue::from(count))]))
}

/// Shows a webhook.
pub(super) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    render(&WebhookPage::new(&visitor, id_in(&id)?, Form::default(), FormErrors::default()).await?)
}

/// Sends a message again.
pub(super) async fn resend(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    let (id, delivery, key) = (id_in::<WebhookId>(&path.0)?, id_in::<MessageId>(&path.1)?, form.key());
    let api_path = format!("/admin/webhooks/{id}/deliveries/{delivery}/resend");
    let errors = match visitor.call_empty(Call::new(Method::POST, &api_path).key(&key)).await {
        Ok(()) => {
            let query = links::query(&[("status", status_filter(&visitor)), ("done", "delivery-resent")]);
            return Ok(see_other(&format!("/desk/webhooks/{id}{query}")));
        }
        // Old messages are deleted, also while somebody reads about them.
        Err(error) if error.code() == "delivery-not-found" => {
            let problem = error.problem().map(|problem| problem_text(&visitor.locale, problem));
            FormErrors::general(problem.unwrap_or_default())
        }
        Err(error) => FormErrors::of(error, &visitor.locale)?,
    };
    render_refused(&WebhookPage::new(&visitor, id, Form::default(), errors).await?)
}

#[derive(Deserialize)]
struct Resent {
    resent: u64,
}

/// Sends the messages of a span of time again.
pub(super) async fn resend_span(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    let (id, key) = (id_in::<WebhookId>(&id)?, form.key());
    let errors = match span(&visitor, &form) {
        Ok(body) => match visitor.call::<Resent>(Call::post(&format!("/admin/webhooks/{id}/resend"), body).key(&key)).await {
            Ok(Resent { resent }) => return Ok(see_other(&format!("/desk/webhooks/{id}?resent={resent}"))),
            Err(error) => FormErrors::of(error, &visitor.locale)?,
        },
        Err(errors) => errors,
    };
    render_refused(&WebhookPage::new(&visitor, id, form, errors).await?)
}

/// Reads a span of time, in UTC as the log. Without an end it lasts until now.
fn span(visitor: &Visitor, form: &Form) -> Result<Map<String, Value>, FormErrors> {
    let (mut body, mut errors) = (Map::new(), FormErrors::default());
    for field in ["since", "until"] {
        match (field, form.get(field)) {
            ("until", "") => {}
            (_, text) => match instant(text, Tz::UTC) {
                Ok(at) => drop(body.insert(field.to_owned(), json!(at))),
                Err(reason) => errors.add(field, visitor.locale.text(reason)),
            },
        }
    }
    body.insert("includeDelivered".to_owned(), json!(form.get("includeDelivered") == "yes"));
    if errors.is_empty() { Ok(body) } else { Err(errors) }
}
