//! Webhooks at the desk: servers of organizers to which the notifier hands messages. Here are the routes and the list.
//!
//! The pages exist only if the installation has a notifier, see the setting `api.notifier_url`.

mod deliveries;
mod form;
mod models;
mod secret;
mod switches;

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpResponse;
use askama::Template;
use futures_util::future::join_all;
use rowlock_domain::ids::EventId;
use rowlock_http::Routes;

use super::models::DeskEvent;
use super::{done, id_in, next_page, with_notifier};
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render};
use models::{Webhook, types_text};

/// Adds the routes of the pages for webhooks.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .get("/desk/webhooks", list)
        .get("/desk/webhooks/new", form::new)
        .post("/desk/webhooks/new", form::create)
        .get("/desk/webhooks/{webhookId}", deliveries::show)
        .get("/desk/webhooks/{webhookId}/edit", form::edit)
        .post("/desk/webhooks/{webhookId}/edit", form::change)
        .get("/desk/webhooks/{webhookId}/{action:enable|disable|rotate|delete}", switches::ask)
        .post("/desk/webhooks/{webhookId}/{action:enable|disable|rotate|delete}", switches::run)
        .post("/desk/webhooks/{webhookId}/resend", deliveries::resend_span)
        .post("/desk/webhooks/{webhookId}/deliveries/{deliveryId}/resend", deliveries::resend)
}

#[derive(Template)]
#[template(path = "desk/webhooks.html")]
struct WebhooksPage {
    page: Page,
    done: Option<String>,
    webhooks: Vec<Webhook>,
    events: BTreeMap<EventId, String>,
    next: Option<String>,
}

impl WebhooksPage {
    fn types_text(&self, webhook: &Webhook) -> String {
        types_text(self.page.locale(), webhook)
    }

    fn event_text(&self, webhook: &Webhook) -> String {
        event_text(&self.page, webhook, &self.events)
    }
}

/// Shows the webhooks, newest first.
pub(super) async fn list(visitor: Visitor) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    let path = format!("/admin/webhooks{}", links::query(&[("cursor", &visitor.query("cursor"))]));
    let List { items: webhooks, next_cursor } = visitor.call::<List<Webhook>>(Call::get(&path)).await?;
    let events = names_of_events(&visitor, &webhooks).await?;
    let page = new_page(&visitor, visitor.locale.text("webhooks"));
    let next = next_page(&visitor, "/desk/webhooks", &[], next_cursor.as_ref());
    render(&WebhooksPage { page, done: done(&visitor), webhooks, events, next })
}

/// Fails unless the installation has webhooks and the visitor may manage them.
fn admit(visitor: &Visitor) -> Result<(), PageError> {
    with_notifier(visitor)
}

fn new_page(visitor: &Visitor, title: impl Into<String>) -> Page {
    let mut page = visitor.page(title).in_section("desk");
    page.width = "wide";
    page
}

/// Returns the names of the events to which webhooks are limited, without those that were deleted.
async fn names_of_events(visitor: &Visitor, webhooks: &[Webhook]) -> Result<BTreeMap<EventId, String>, PageError> {
    let ids: BTreeSet<_> = webhooks.iter().filter_map(|webhook| webhook.event_id).collect();
    let events = join_all(ids.into_iter().map(|id| find_event(visitor, id))).await;
    events.into_iter().filter_map(Result::transpose).map(|event| event.map(|event| (event.id, event.name))).collect()
}

/// Returns an event, or `None` if it was deleted.
async fn find_event(visitor: &Visitor, id: EventId) -> Result<Option<DeskEvent>, PageError> {
    match DeskEvent::read(visitor, id).await {
        Ok((event, _)) => Ok(Some(event)),
        Err(error) if error.code() == "event-not-found" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the event to which a webhook is limited, in words.
fn event_text(page: &Page, webhook: &Webhook, events: &BTreeMap<EventId, String>) -> String {
    match webhook.event_id {
        None => page.t("webhook-all-events"),
        Some(id) => events.get(&id).cloned().unwrap_or_else(|| page.t("webhook-deleted-event")),
    }
}
