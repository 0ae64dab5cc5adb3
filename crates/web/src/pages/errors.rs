//! Error pages, which say what happened and what to do.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use fluent_bundle::FluentValue;

use crate::error::PageError;
use crate::i18n::problem_text;
use crate::pages::guest::unknown_link;
use crate::view::page::Page;
use crate::visitor::{Visitor, render_status};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    explanation: String,
    advice: String,
    /// Whether opening the page again may help.
    offers_retry: bool,
}

/// Responds to requests that match no route.
pub(crate) async fn no_such_page() -> Result<HttpResponse, PageError> {
    Err(PageError::NotFound)
}

/// Returns the page of an error. `status` is that of the response, which may come from elsewhere than a handler of this site.
pub(crate) fn problem_page(visitor: &Visitor, status: StatusCode, error: Option<&PageError>) -> Result<HttpResponse, PageError> {
    if let Some(PageError::UnknownGuestLink) = error {
        return unknown_link(visitor);
    }
    let locale = &visitor.locale;
    let kind = match (error, status.as_u16()) {
        (Some(PageError::ForeignForm), _) => "foreign-form",
        (Some(PageError::FormExpired), _) => "form-expired",
        (_, 403) => "forbidden",
        (_, 404) => "not-found",
        (_, 405) => "method",
        (_, 409) => "conflict",
        (_, 413) => "too-large",
        (_, 400 | 422) => "invalid",
        (_, 429) => "rate-limited",
        (_, 502) => "bad-gateway",
        (_, 503) => "unavailable",
        _ => "internal",
    };
    let explanation = match error.and_then(PageError::problem) {
        Some(problem) if matches!(status.as_u16(), 403 | 409 | 429) => problem_text(locale, problem),
        _ => locale.text(&format!("error-{kind}-explanation")),
    };
    let seconds = error.and_then(PageError::problem).and_then(|problem| problem.retry_after).unwrap_or(1);
    let seconds = FluentValue::from(i64::try_from(seconds).unwrap_or(1));
    let template = ErrorPage {
        page: visitor.page(locale.text(&format!("error-{kind}-title"))),
        status: status.as_u16(),
        explanation,
        advice: locale.with(&format!("error-{kind}-advice"), [("seconds", seconds)]),
        offers_retry: visitor.is_reading() && (status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS),
    };
    render_status(status, &template)
}
