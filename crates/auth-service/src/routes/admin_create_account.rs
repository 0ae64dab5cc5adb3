//! POST `/admin/createaccount`: an administrator makes another, or the bootstrap token makes the first.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use rowlock_domain::auditlog::{Actor, ActorRole};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonFields, request_id};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::account::AccountView;
use super::create_account::{CreateAccount, created, registration};
use super::examples;
use crate::registration::{RegistrationError, register_once};
use crate::service::Auth;
use crate::store::Admission;

const BOOTSTRAP_HEADER: &str = "x-bootstrap-token";

/// Whether a header is the bootstrap token. Digests are compared, so that time tells nothing, not even the length.
fn is_bootstrap_token(expected: Option<&SecretString>, header: &[u8]) -> bool {
    expected.is_some_and(|expected| {
        let [expected, header] = [expected.expose_secret().as_bytes(), header].map(Sha256::digest);
        expected.as_slice().ct_eq(header.as_slice()).into()
    })
}

/// On what ground the caller may make an administrator. An administrator's token goes first: a script may send both.
async fn admission(auth: &Auth, request: &HttpRequest) -> Result<(Admission, Actor), Problem> {
    let refusal = match AdminCaller::from_request(request, &mut Payload::None).await {
        Ok(admin) => return Ok((Admission::Admin, admin.actor())),
        Err(refusal) => refusal,
    };
    let Some(header) = request.headers().get(BOOTSTRAP_HEADER) else { return Err(refusal) };
    if !is_bootstrap_token(auth.bootstrap_token.as_ref(), header.as_bytes()) {
        return Err(Problem::new(ProblemCode::Unauthenticated, "The bootstrap token is wrong."));
    }
    // The insert decides; this only saves the work of a hash. A request with a key may be a repeat, which is looked for first.
    let repeatable = request.headers().contains_key("idempotency-key");
    if !repeatable && auth.store.admin_exists().await? {
        return Err(RegistrationError::AdminExists.into());
    }
    Ok((Admission::FirstAdmin, Actor { account_id: None, role: ActorRole::Bootstrap, request_id: request_id(request) }))
}

route_problems!(
    AdminCreateProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::EmailTaken,
        ProblemCode::UsernameTaken,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Create an administrator's account.
///
/// An administrator makes another one. The first is made with the header `X-Bootstrap-Token` instead, which is used up then.
/// An `Idempotency-Key` belongs to the e-mail address here.
#[utoipa::path(
    post,
    path = "/admin/createaccount",
    operation_id = "adminCreateAccount",
    tag = "administration",
    params(IdempotencyKeyHeader),
    request_body(content = CreateAccount, example = json!(examples::admin_registration())),
    responses(
        (
            status = 201,
            description = "The account.",
            body = AccountView,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!(examples::admin())
        ),
        AdminCreateProblems
    ),
    security(("token" = []), ("bootstrapToken" = [])),
)]
pub(super) async fn admin_create_account(
    auth: web::Data<Auth>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    // Who may not is told so before the body is looked at.
    let (admission, actor) = admission(&auth, &request).await?;
    let fields = JsonFields::from_request(&request, &mut payload.into_inner()).await?;
    let (registration, key) = registration(&request, fields, auth.email_domains)?;
    let (account, replayed) = register_once(&auth, registration, admission, Some(actor), key).await?;
    auth.notifier.notify();
    Ok(created(account, replayed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_bootstrap_token_is_right() {
        let token = SecretString::from("a token of sixteen or more");
        assert!(is_bootstrap_token(Some(&token), b"a token of sixteen or more"));
        assert!(!is_bootstrap_token(Some(&token), b"a token of sixteen or mor"));
        assert!(!is_bootstrap_token(Some(&token), b""));
        assert!(!is_bootstrap_token(None, b""));
    }
}
