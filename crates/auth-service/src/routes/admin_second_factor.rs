//! `/admin/enabletotp`, `/admin/confirmtotp` and `/admin/disabletotp`: the second factor of the caller's account.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::EmailLookupKeys;
use rowlock_http::openapi::{IdempotencyKeyHeader, NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Door, InvalidBody, JsonBody, KeyedRequest, REPLAYED_HEADER, key_reused};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

use super::{account_gone, examples};
use crate::resources::TotpCode;
use crate::second_factor::SecondFactorError;
use crate::state::AuthState;

impl From<SecondFactorError> for Problem {
    fn from(error: SecondFactorError) -> Self {
        match error {
            SecondFactorError::AccountGone => account_gone(),
            SecondFactorError::Enabled => {
                Self::new(ProblemCode::TotpEnabled, "Your account has a second factor. Disable it with POST /admin/disabletotp first.")
            }
            SecondFactorError::NotPending => Self::new(ProblemCode::TotpNotPending, "Request a secret with POST /admin/enabletotp first."),
            SecondFactorError::WrongPassword => Self::new(ProblemCode::BadCredentials, "The password is not that of your account."),
            SecondFactorError::WrongCode => {
                Self::new(ProblemCode::BadTotp, "The code is wrong, expired or already used. Wait for the next one.")
            }
            SecondFactorError::KeyReused => key_reused(),
            SecondFactorError::Totp(_) | SecondFactorError::Decrypt(_) | SecondFactorError::Message(_) => Self::internal(&error),
            SecondFactorError::Hash(error) => error.into(),
            SecondFactorError::Database(error) => error.into(),
        }
    }
}

/// The secret of a second factor.
#[derive(Serialize, ToSchema)]
pub(super) struct TotpSecret {
    /// The secret in Base32, to type into an authenticator app: SHA-1, 6 digits, 30 seconds.
    secret: String,
    /// The same as a URI, which authenticator apps read from a QR code.
    uri: String,
}

route_problems!(EnableProblems = Problems::for_administrators().with_input().changing().and(&[ProblemCode::TotpEnabled]));

/// Set up a second factor.
///
/// Returns a secret for an authenticator app (TOTP, RFC 6238). It takes effect when its first code is sent to
/// `POST /admin/confirmtotp`. A repeated request gets the same secret for ten minutes.
#[utoipa::path(
    post,
    path = "/admin/enabletotp",
    operation_id = "enableTotp",
    tag = "administration",
    params(NaturallyIdempotentKeyHeader),
    responses((status = 200, description = "The secret.", body = TotpSecret, example = json!(examples::totp_setup())), EnableProblems),
    security(("token" = [])),
)]
pub(super) async fn enable(auth: web::Data<AuthState>, admin: AdminCaller<Door>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    KeyedRequest::of_path(&request)?;
    let setup = auth.begin_totp(&admin).await?;
    let secret = TotpSecret { secret: setup.secret, uri: setup.uri };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(secret))
}

/// The first code of a second factor.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmTotp {
    /// Six digits of the authenticator app.
    #[schema(value_type = String, max_length = 64, write_only)]
    code: TotpCode,
}

/// Codes that replace those of the authenticator app.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecoveryCodes {
    /// Ten codes, each of which can be used once instead of a code of the app. They are not shown again.
    recovery_codes: Vec<String>,
}

route_problems!(
    ConfirmProblems = Problems::for_administrators().with_body().changing().limited().and(&[
        ProblemCode::BadTotp,
        ProblemCode::TotpEnabled,
        ProblemCode::TotpNotPending,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Enable the second factor.
///
/// From now on, logging in needs a code of the authenticator app or a recovery code. All other sessions of the account end.
#[utoipa::path(
    post,
    path = "/admin/confirmtotp",
    operation_id = "confirmTotp",
    tag = "administration",
    params(IdempotencyKeyHeader),
    request_body(content = ConfirmTotp, example = json!({"code": "492039"})),
    responses(
        (
            status = 200,
            description = "The recovery codes.",
            body = RecoveryCodes,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was used before: the response is repeated and nothing was changed.")),
            example = json!(examples::recovery_codes())
        ),
        ConfirmProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn confirm(
    auth: web::Data<AuthState>,
    admin: AdminCaller<Door>,
    request: HttpRequest,
    body: JsonBody<ConfirmTotp>,
) -> Result<HttpResponse, Problem> {
    let (ConfirmTotp { code: TotpCode(code) }, keyed) = body.finish_keyed_with_path(&request)?;
    let attempt = auth.limits.admit_login(&request, &EmailLookupKeys::of(&admin.email)).await?;
    let result = auth.confirm_totp(&admin, code.expose_secret(), keyed.as_ref()).await;
    if let Err(SecondFactorError::WrongCode) = result {
        attempt.failed();
    }
    let (recovery_codes, replayed) = result?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if replayed {
        response.insert_header(REPLAYED_HEADER);
    }
    Ok(response.json(RecoveryCodes { recovery_codes }))
}

/// Proof that the caller may disable the second factor.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct DisableTotp {
    #[deserr(from(String) = SecretString::from)]
    #[schema(value_type = String, format = Password, write_only)]
    password: SecretString,
    /// Six digits of the authenticator app, or a recovery code.
    #[schema(value_type = String, max_length = 64, write_only)]
    code: TotpCode,
}

route_problems!(
    DisableProblems =
        Problems::for_administrators().with_body().changing().limited().and(&[ProblemCode::BadCredentials, ProblemCode::BadTotp])
);

/// Disable the second factor.
///
/// Without a second factor, a request with the right password has no effect.
#[utoipa::path(
    post,
    path = "/admin/disabletotp",
    operation_id = "disableTotp",
    tag = "administration",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = DisableTotp, example = json!(examples::disable_totp())),
    responses((status = 204, description = "The account has no second factor."), DisableProblems),
    security(("token" = [])),
)]
pub(super) async fn disable(
    auth: web::Data<AuthState>,
    admin: AdminCaller<Door>,
    request: HttpRequest,
    body: JsonBody<DisableTotp>,
) -> Result<HttpResponse, Problem> {
    let (DisableTotp { password, code: TotpCode(code) }, _) = body.finish_keyed(&request)?;
    let attempt = auth.limits.admit_login(&request, &EmailLookupKeys::of(&admin.email)).await?;
    let result = auth.disable_totp(&admin, &password, code.expose_secret()).await;
    match &result {
        Err(SecondFactorError::WrongPassword | SecondFactorError::WrongCode) => attempt.failed(),
        Ok(()) => attempt.succeeded(),
        Err(_) => {}
    }
    result?;
    Ok(HttpResponse::NoContent().finish())
}
