//! `GET /internal/revocations`: returns the revocation list to other services. The gateway does not route it.

use actix_web::{HttpResponse, web};
use rowlock_http::problem::Problem;

use crate::state::AuthState;

/// Returns 200 with the sessions and accounts that ended so recently that an access token of them may not have expired yet.
pub(super) async fn revocations(auth: web::Data<AuthState>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(auth.store.revoked_within(auth.tokens.revoked_for()).await?))
}
