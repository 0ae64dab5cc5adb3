//! Switching a webhook on and off, replacing its secret, and deleting it, each after a page that says what will happen.

use actix_web::{HttpResponse, web};
use reqwest::Method;
use rowlock_domain::ids::WebhookId;
use serde_json::json;

use super::models::Webhook;
use super::secret::{WithSecret, show_rotated};
use super::{admit, id_in};
use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::pages::desk::confirm::ConfirmPage;
use crate::redirect::see_other;
use crate::visitor::{Visitor, render, render_refused};

/// Name of the checkbox on the page that replaces the secret.
const REVOKE: &str = "revokePrevious";

fn question(visitor: &Visitor, webhook: &Webhook, action: &str) -> ConfirmPage {
    let text = |part: &str| visitor.locale.text(&format!("webhook-{action}-{part}"));
    let here = format!("/desk/webhooks/{}", webhook.id);
    let mut page = ConfirmPage::new(visitor, text("title"), text("button"), format!("{here}/{action}"), here);
    page.sentences = vec![text("explanation")];
    page.facts = vec![(visitor.locale.text("webhook-url"), webhook.url.clone())];
    if let Some(description) = &webhook.description {
        page.facts.insert(0, (visitor.locale.text("webhook-description"), description.clone()));
    }
    if action == "rotate" {
        page.choice = Some((REVOKE, visitor.locale.text("webhook-revoke-previous")));
    }
    page.is_danger = matches!(action, "disable" | "delete");
    page
}

/// Asks before a webhook is switched on or off, gets another secret or is deleted.
pub(super) async fn ask(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    let webhook = Webhook::read(&visitor, id_in(&path.0)?).await?;
    render(&question(&visitor, &webhook, &path.1))
}

/// Does it.
pub(super) async fn run(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    admit(&visitor)?;
    let (id, action, key) = (id_in::<WebhookId>(&path.0)?, path.1.as_str(), form.key());
    let outcome = match action {
        "rotate" => rotate(&visitor, id, form.get(REVOKE) == "yes", &key).await,
        "delete" => {
            let path = format!("/admin/webhooks/{id}");
            let deleted = visitor.call_empty(Call::new(Method::DELETE, &path).key(&key)).await;
            deleted.map(|()| see_other("/desk/webhooks?done=webhook-deleted"))
        }
        _ => {
            let path = format!("/admin/webhooks/{id}/{action}");
            let switched = visitor.call_empty(Call::new(Method::POST, &path).key(&key)).await;
            switched.map(|()| see_other(&format!("/desk/webhooks/{id}?done=webhook-{action}d")))
        }
    };
    match outcome {
        Ok(response) => Ok(response),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            let mut page = question(&visitor, &Webhook::read(&visitor, id).await?, action);
            page.errors = errors;
            render_refused(&page)
        }
    }
}

async fn rotate(visitor: &Visitor, id: WebhookId, revoke_previous: bool, key: &str) -> Result<HttpResponse, PageError> {
    let path = format!("/admin/webhooks/{id}/rotatesecret");
    let rotated: WithSecret = visitor.call(Call::post(&path, json!({REVOKE: revoke_previous})).key(key)).await?;
    show_rotated(visitor, rotated)
}
