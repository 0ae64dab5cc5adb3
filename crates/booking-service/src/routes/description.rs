//! `GET /api/openapi.json`, which returns the OpenAPI description of the whole API, and `/docs`, a page to read it and try it
//! out.
//!
//! The description is the committed file; a test verifies that it matches the code. The page is Swagger UI, bundled by a crate:
//! no part of it is loaded from another server, and its content security policy forbids such requests.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{self, ETag, EntityTag};
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{KnownVersionHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use utoipa_swagger_ui::Config;

use crate::etag::{content_etag, if_none_match};

const DOCUMENT: &str = include_str!("../../../../deploy/openapi.json");

/// Lifetime of cached copies: after an update, clients may show an old document or page for five minutes.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Everything is loaded from this server. Swagger UI creates inline styles and has `data:` images in its style sheet, so these
/// are allowed.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static ETAG: LazyLock<EntityTag> = LazyLock::new(|| content_etag(DOCUMENT.as_bytes()));

route_problems!(DocumentProblems = Problems::for_anyone());

/// Get this description of the API (OpenAPI 3.1).
///
/// `/docs` shows it as a web page.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "getDescription",
    tag = "about",
    params(KnownVersionHeader),
    responses(
        (
            status = 200,
            description = "The description.",
            body = Value,
            content_type = "application/json",
            headers(
                ("ETag" = String, description = "The version of the description, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            ),
            example = json!({"openapi": "3.1.0", "info": {"title": "Rowlock", "version": "0.1.0"}, "paths": {}})
        ),
        (
            status = 304,
            description = "The client already has the current version.",
            headers(
                ("ETag" = String, description = "The version of the description, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            )
        ),
        DocumentProblems
    ),
)]
pub(super) async fn document(request: HttpRequest) -> HttpResponse {
    let is_known = if_none_match(&request, &ETAG);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(ETag(ETAG.clone())).insert_header((header::CACHE_CONTROL, CACHE_CONTROL));
    if is_known { response.finish() } else { response.content_type("application/json").body(DOCUMENT) }
}

/// Redirects `/docs` to `/docs/`, because the page refers to its files by relative URLs.
pub(super) async fn to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// Returns the page or one of its files.
pub(super) async fn page(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    // By default, Swagger UI has the document validated by an external server.
    let config = Config::new(["/api/openapi.json"]).validator_url("none").try_it_out_enabled(true).display_request_duration(true);
    let found = utoipa_swagger_ui::serve(&file, Arc::new(config)).map_err(|error| {
        tracing::error!(%error, "cannot render a file of the page at /docs");
        Problem::new(ProblemCode::InternalError, "The error has been logged. Trying again later may help.")
    })?;
    let file = found.ok_or_else(|| Problem::new(ProblemCode::NotFound, "The page has no such part."))?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header(header::ContentEncoding::Gzip);
    }
    Ok(response
        .content_type(file.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, CACHE_CONTROL))
        .body(file.bytes.into_owned()))
}
