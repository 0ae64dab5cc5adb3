//! `GET /api/openapi.json`, the description of the whole API, and `/docs`, a page on which to read it and try it out.
//!
//! The description is the committed file, of which a test proves that it is what the code says. The page is Swagger UI, which
//! a crate carries: nothing of it comes from another server, and its content security policy lets nothing be fetched from one.

use std::sync::{Arc, LazyLock};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{KnownVersionHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use sha2::{Digest, Sha256};
use utoipa_swagger_ui::Config;

use crate::reads::has_it;

const DOCUMENT: &str = include_str!("../../../../deploy/openapi.json");

/// For five minutes an old document or page may be shown after an update.
const KEEP: &str = "public, max-age=300";

/// All comes from here. Styles may be within the page, as Swagger UI makes some, and images within its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static ETAG: LazyLock<String> = LazyLock::new(|| {
    let hex = Sha256::digest(DOCUMENT).iter().take(12).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("\"{hex}\"")
});

route_problems!(DocumentProblems = Problems::for_anyone());

/// This description of the API (OpenAPI 3.1).
///
/// `/docs` shows it to people.
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
                ("Cache-Control" = String, description = "How long the answer may be kept.")
            ),
            example = json!({"openapi": "3.1.0", "info": {"title": "Rowlock", "version": "0.1.0"}, "paths": {}})
        ),
        (
            status = 304,
            description = "The client has the present version already.",
            headers(
                ("ETag" = String, description = "The version of the description, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the answer may be kept.")
            )
        ),
        DocumentProblems
    ),
)]
pub(super) async fn document(request: HttpRequest) -> HttpResponse {
    let known = has_it(request.headers(), &ETAG);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, ETAG.as_str())).insert_header((header::CACHE_CONTROL, KEEP));
    if known { response.finish() } else { response.content_type("application/json").body(DOCUMENT) }
}

/// The names of the page's parts are relative to a folder.
pub(super) async fn to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// The page and its parts.
pub(super) async fn page(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    // Without this the page would have the document judged by a server of Swagger's.
    let config = Config::new(["/api/openapi.json"]).validator_url("none").try_it_out_enabled(true).display_request_duration(true);
    let found = utoipa_swagger_ui::serve(&file, Arc::new(config)).map_err(|error| {
        tracing::error!(%error, "the page at /docs cannot be made");
        Problem::new(ProblemCode::InternalError, "The error has been logged. Trying again later may help.")
    })?;
    let file = found.ok_or_else(|| Problem::new(ProblemCode::NotFound, "The page has no such part."))?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header(header::ContentEncoding::Gzip);
    }
    Ok(response
        .content_type(file.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, KEEP))
        .body(file.bytes.into_owned()))
}
