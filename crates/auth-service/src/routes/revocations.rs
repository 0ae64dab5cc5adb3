//! GET `/internal/revocations`: whose tokens are not good any more, for services alone. The gateway does not pass it on.

use actix_web::{HttpResponse, web};
use rowlock_http::problem::Problem;

use crate::service::Auth;

/// Answers 200 with what ended so lately that a token of it may not have expired.
pub(super) async fn revocations(auth: web::Data<Auth>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(auth.store.revoked_within(auth.tokens.revoked_for()).await?))
}
