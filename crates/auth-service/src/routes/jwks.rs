//! GET `/.well-known/jwks.json`: the public keys that access tokens are checked with.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use crate::service::Auth;

/// Answers 200 with every key that may have signed a token, and those that soon will.
pub(super) async fn jwks(auth: web::Data<Auth>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=30")).json(auth.keys.public())
}
