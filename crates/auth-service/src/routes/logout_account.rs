//! POST `/api/logoutaccount`: the end of a session.

use actix_web::{HttpResponse, web};
use rowlock_platform::http::JsonFields;
use rowlock_platform::problem::Problem;

use super::login_account::refresh_token;
use crate::service::Auth;

/// Answers 204, also when the session had ended before; 401 for what is no refresh token of ours.
pub(super) async fn logout_account(auth: web::Data<Auth>, fields: JsonFields) -> Result<HttpResponse, Problem> {
    auth.log_out(&refresh_token(fields)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
