//! The page that shows the secret of a webhook, once: after it was created, and after a rotation.

use actix_web::HttpResponse;
use askama::Template;
use serde::Deserialize;

use super::models::{Webhook, utc};
use super::new_page;
use crate::error::PageError;
use crate::view::page::Page;
use crate::visitor::{Visitor, render};

/// A webhook with its new secret.
#[derive(Deserialize)]
pub(super) struct WithSecret {
    #[serde(flatten)]
    webhook: Webhook,
    secret: String,
}

#[derive(Template)]
#[template(path = "desk/webhook_secret.html")]
struct SecretPage {
    page: Page,
    webhook: Webhook,
    secret: String,
    /// The sentence about what has just been done.
    done: String,
    /// The sentence about the previous secret, if there was one.
    previous: Option<String>,
}

/// Shows the secret of a webhook that was just created.
pub(super) fn show_new(visitor: &Visitor, created: WithSecret) -> Result<HttpResponse, PageError> {
    show(visitor, created, "webhook-is-created", None)
}

/// Shows the secret after a rotation, and says how long the previous one is valid.
pub(super) fn show_rotated(visitor: &Visitor, rotated: WithSecret) -> Result<HttpResponse, PageError> {
    let locale = &visitor.locale;
    let previous = match rotated.webhook.previous_secret_until {
        Some(until) => locale.with("webhook-previous-secret-until", [("time", utc(locale, until).into())]),
        None => locale.text("webhook-previous-secret-revoked"),
    };
    show(visitor, rotated, "webhook-is-rotated", Some(previous))
}

/// The page is the response to the form, so that no address shows the secret again. A reload sends the form again with the same key, to
/// which the API responds with the same secret.
fn show(
    visitor: &Visitor,
    WithSecret { webhook, secret }: WithSecret,
    done: &str,
    previous: Option<String>,
) -> Result<HttpResponse, PageError> {
    let page = new_page(visitor, visitor.locale.text("webhook-secret"));
    render(&SecretPage { page, webhook, secret, done: visitor.locale.text(done), previous })
}
