//! POST `/admin/loginaccount`: as `/api/loginaccount`, for administrators.

use actix_web::{HttpResponse, web};
use rowlock_domain::states::Role;
use rowlock_platform::http::JsonFields;
use rowlock_platform::problem::Problem;

use super::login_account::{SignedInView, credentials};
use crate::service::Auth;

/// Answers 200 with the tokens and the account, 401 for wrong credentials, 403 for the right ones of a user.
pub(super) async fn admin_login_account(auth: web::Data<Auth>, fields: JsonFields) -> Result<HttpResponse, Problem> {
    let signed_in = auth.log_in(credentials(fields)?, Some(Role::Admin)).await?;
    Ok(HttpResponse::Ok().json(SignedInView::from(signed_in)))
}
