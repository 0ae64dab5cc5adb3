//! `GET /.well-known/jwks.json`: returns the public keys with which access tokens are verified.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use rowlock_http::openapi::Problems;
use rowlock_http::route_problems;
use rowlock_http::tokens::PublicKeys;

use super::examples;
use crate::state::AuthState;

route_problems!(KeysProblems = Problems::for_anyone());

/// Get the public keys with which access tokens are verified.
///
/// A JWK set (RFC 7517, RFC 8037) with every key that may have signed a valid token, and those that will sign soon.
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
            headers(("Cache-Control" = String, description = "How long the keys may be cached.")),
            example = json!(examples::public_keys())
        ),
        KeysProblems
    ),
)]
pub(super) async fn jwks(auth: web::Data<AuthState>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=30")).json(auth.keys.public())
}
