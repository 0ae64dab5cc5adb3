//! `POST /api/changepassword`: replaces the password of the caller.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{EmailLookupKeys, Password};
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::{Caller, InvalidBody, JsonBody, KeyedRequest, REPLAYED_HEADER, key_reused, route_problems};
use secrecy::SecretString;
use utoipa::ToSchema;

use super::{account_gone, examples};
use crate::profile::ProfileError;
use crate::state::AuthState;

/// The present and the new password.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ChangePassword {
    /// The current password.
    #[deserr(from(String) = SecretString::from)]
    #[schema(value_type = String, format = Password, write_only)]
    password: SecretString,
    /// At least 8 characters and at most 72 bytes in UTF-8; no control characters, and none of the most common passwords.
    #[schema(value_type = String, min_length = 8, max_length = 72, format = Password, write_only)]
    new_password: Password,
}

impl From<ProfileError> for Problem {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::Gone => account_gone(),
            ProfileError::WrongPassword => Self::new(ProblemCode::WrongPassword, "The current password is wrong. Nothing was changed."),
            ProfileError::KeyReused => key_reused(),
            ProfileError::Contended => Self::new(
                ProblemCode::Overloaded,
                "Other requests are changing this account at the same time. Nothing was changed; try again.",
            ),
            ProfileError::Notice(error) => Self::internal(&error),
            ProfileError::Hash(error) => error.into(),
            ProfileError::Database(error) => error.into(),
        }
    }
}

route_problems!(
    ChangePasswordProblems =
        Problems::for_users().with_body().changing().limited().and(&[ProblemCode::WrongPassword, ProblemCode::IdempotencyKeyReused])
);

/// Change your password.
///
/// All other sessions end: their refresh tokens stop working immediately, their access tokens within a minute. A wrong present
/// password counts like one at a login, within the same limits.
#[utoipa::path(
    post,
    path = "/api/changepassword",
    operation_id = "changePassword",
    tag = "accounts",
    params(IdempotencyKeyHeader),
    request_body(content = ChangePassword, example = json!(examples::change_password())),
    responses(
        (
            status = 204,
            description = "The password is changed, and all other sessions have ended.",
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was used before: the response is repeated and nothing was changed.")),
        ),
        ChangePasswordProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn change_password(
    auth: web::Data<AuthState>,
    caller: Caller,
    request: HttpRequest,
    body: JsonBody<ChangePassword>,
) -> Result<HttpResponse, Problem> {
    let (ChangePassword { password, new_password }, keyed) = body.finish_keyed(&request)?;
    // The hash of the body depends on the passwords and would be a fast target for guessing them, so only that of the path is used.
    let keyed = if keyed.is_some() { KeyedRequest::of_path(&request)? } else { None };
    let attempt = auth.limits.admit_login(&request, &EmailLookupKeys::of(&caller.email)).await?;
    let result = auth.change_password(caller.sub, caller.sid, &password, new_password, keyed.as_ref()).await;
    match &result {
        Err(ProfileError::WrongPassword | ProfileError::KeyReused) => attempt.failed(),
        Ok(_) => attempt.succeeded(),
        Err(_) => {}
    }
    let mut response = HttpResponse::NoContent();
    if result? {
        response.insert_header(REPLAYED_HEADER);
    }
    Ok(response.finish())
}
