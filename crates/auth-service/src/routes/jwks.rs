//! GET `/.well-known/jwks.json`: the public keys that access tokens are checked with.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use rowlock_http::openapi::Problems;
use rowlock_http::route_problems;
use rowlock_http::tokens::PublicKeys;

use super::examples;
use crate::service::Auth;

route_problems!(KeysProblems = Problems::for_anyone());

/// The public keys that tokens are checked with.
///
/// Every key that may have signed a token, and those that soon will (RFC 7517, RFC 8037).
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "getPublicKeys",
    tag = "about",
    responses(
        (
            status = 200,
            description = "The keys.",
            body = PublicKeys,
            headers(("Cache-Control" = String, description = "How long the keys may be kept.")),
            example = json!(examples::public_keys())
        ),
        KeysProblems
    ),
)]
pub(super) async fn jwks(auth: web::Data<Auth>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=30")).json(auth.keys.public())
}
