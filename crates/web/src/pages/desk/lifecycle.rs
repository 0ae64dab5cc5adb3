//! Publishing an event, withdrawing it to a draft, calling it off, and deleting it, each after a page that says what will happen.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use fluent_bundle::FluentValue;
use reqwest::Method;
use serde_json::json;

use super::confirm::ConfirmPage;
use super::models::DeskEvent;
use super::{id_in, organizer};
use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::redirect::see_other;
use crate::visitor::{Visitor, render_status};

fn page(visitor: &Visitor, event: &DeskEvent, version: &str, action: &str) -> ConfirmPage {
    let text = |part: &str| visitor.locale.text(&format!("desk-{action}-{part}"));
    let (path, back) = (format!("/desk/events/{}/{action}", event.id), format!("/desk/events/{}", event.id));
    let mut page = ConfirmPage::new(visitor, text("title"), text("button"), path, back);
    page.sentences = vec![visitor.locale.with(
        &format!("desk-{action}-explanation"),
        [("tickets", FluentValue::from(event.taken_tickets())), ("waiting", FluentValue::from(event.waitlist_length))],
    )];
    page.facts = vec![(visitor.locale.text("desk-event"), event.name.clone())];
    page.hidden = vec![("version", version.to_owned())];
    page.is_danger = matches!(action, "calloff" | "delete");
    page
}

/// Asks before an event is published, withdrawn, called off or deleted.
pub(super) async fn ask(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, version) = DeskEvent::read(&visitor, id_in(&path.0)?).await?;
    render_status(StatusCode::OK, &page(&visitor, &event, &version, &path.1))
}

/// Does it. An event that somebody has changed since the question is shown again with its present figures.
pub(super) async fn run(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (id, action) = (id_in::<rowlock_domain::ids::EventId>(&path.0)?, path.1.as_str());
    let (key, version) = (form.key(), form.get("version").to_owned());
    let event_path = format!("/admin/events/{id}");
    let cancel_path = format!("{event_path}/cancel");
    let call = match action {
        "publish" => Call::new(Method::PATCH, &event_path).body(json!({"status": "published"})),
        "unpublish" => Call::new(Method::PATCH, &event_path).body(json!({"status": "draft"})),
        "calloff" => Call::new(Method::POST, &cancel_path),
        _ => Call::new(Method::DELETE, &event_path),
    };
    let call = if version.is_empty() { call } else { call.if_match(&version) };
    match visitor.call_empty(call.key(&key)).await {
        Ok(()) if action == "delete" => Ok(see_other("/desk?done=deleted")),
        Ok(()) => Ok(see_other(&format!("/desk/events/{id}?done={action}"))),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            let (event, version) = DeskEvent::read(&visitor, id).await?;
            let mut page = page(&visitor, &event, &version, action);
            page.errors = errors;
            render_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
