//! POST `/admin/loginaccount`: as `/api/loginaccount`, for administrators.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::states::Role;
use rowlock_platform::http::JsonFields;
use rowlock_platform::problem::Problem;

use super::login_account::{credentials, log_in};
use crate::service::Auth;

/// Answers 200 with the tokens and the account, 401 for wrong credentials, 403 for the right ones of a user.
pub(super) async fn admin_login_account(auth: web::Data<Auth>, request: HttpRequest, fields: JsonFields) -> Result<HttpResponse, Problem> {
    log_in(&auth, &request, credentials(fields)?, Some(Role::Admin)).await
}
