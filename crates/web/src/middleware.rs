//! Middleware of all pages: security headers, pending cookies, and error pages.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse};

use crate::error::PageError;
use crate::pages::problem_page;
use crate::visitor::{PendingCookies, Visitor};

/// Only files of this site are loaded, no page is framed, and forms are sent nowhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Adds the security headers and the cookies that the handler has set. A header that the handler has set itself is kept.
pub(crate) async fn add_headers<B: MessageBody + 'static>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let cookies = PendingCookies::default();
    request.extensions_mut().insert(cookies.clone());
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    // A page with a policy of its own says there who may frame it.
    let has_policy = headers.contains_key(header::CONTENT_SECURITY_POLICY);
    for (name, value) in HEADERS.into_iter().filter(|(name, _)| !has_policy || *name != header::X_FRAME_OPTIONS) {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    for cookie in cookies.0.borrow().iter() {
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            headers.append(header::SET_COOKIE, value);
        }
    }
    // A response that sets a cookie is the visitor's own.
    if headers.contains_key(header::SET_COOKIE) || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// Replaces the body of an error response by a page. If htmx asked for a part of a page, a redirect loads the whole page instead.
pub(crate) async fn render_errors<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let response = next.call(request).await?;
    let status = response.status();
    let is_fragment = response.request().headers().contains_key("hx-request");
    if is_fragment && status == StatusCode::SEE_OTHER {
        let target = response.headers().get(header::LOCATION).cloned().unwrap_or(HeaderValue::from_static("/"));
        let redirect = HttpResponse::Ok().insert_header(("hx-redirect", target)).finish();
        return Ok(response.into_response(redirect).map_into_right_body());
    }
    let has_page = response.headers().contains_key(header::CONTENT_TYPE) && response.response().error().is_none();
    if !(status.is_client_error() || status.is_server_error()) || has_page {
        return Ok(response.map_into_left_body());
    }
    let error = response.response().error().and_then(|error| error.as_error::<PageError>()).cloned();
    let visitor = Visitor::of(response.request())?;
    let mut page = problem_page(&visitor, status, error.as_ref())?;
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response.into_response(page).map_into_right_body())
}
