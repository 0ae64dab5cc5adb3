//! POST `/api/refreshtoken`: the next tokens of a session.

use actix_web::{HttpResponse, web};
use rowlock_platform::http::JsonFields;
use rowlock_platform::problem::Problem;

use super::login_account::{SignedInView, refresh_token as read};
use crate::service::Auth;

/// Answers 200 as log-in does, or 401 `invalid-refresh-token`. A token that was used before its time of grace ends the
/// session.
pub(super) async fn refresh_token(auth: web::Data<Auth>, fields: JsonFields) -> Result<HttpResponse, Problem> {
    let signed_in = auth.refresh(&read(fields)?).await?;
    Ok(HttpResponse::Ok().json(SignedInView::from(signed_in)))
}
