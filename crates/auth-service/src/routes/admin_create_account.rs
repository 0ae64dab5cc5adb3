//! `POST /admin/createaccount`: creates an administrator account, authorized by an administrator or by the bootstrap token.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use rowlock_domain::auditlog::{Actor, ActorRole};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::AdminRole;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonBody, Owner, preferred_language, request_id};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::create_account::{check_email_domain, created};
use super::examples;
use crate::registration::{Registration, RegistrationError, register_once};
use crate::resources::{AccountResource, AdminRoleName, CreateAdminAccount};
use crate::state::AuthState;
use crate::store::RoleGrant;

const BOOTSTRAP_HEADER: &str = "x-bootstrap-token";

/// Returns whether a header is the bootstrap token. Digests are compared in constant time, so that not even the length leaks.
fn is_bootstrap_token(expected: Option<&SecretString>, header: &[u8]) -> bool {
    expected.is_some_and(|expected| {
        let [expected, header] = [expected.expose_secret().as_bytes(), header].map(Sha256::digest);
        expected.as_slice().ct_eq(header.as_slice()).into()
    })
}

/// The authority under which an administrator is created.
enum Authority {
    /// An owner creates an administrator with any role.
    Owner,
    /// The bootstrap token creates the first administrator, who is an owner.
    Bootstrap,
}

/// Authorizes the caller to create an administrator. A valid administrator's token takes precedence over the bootstrap token,
/// because a script may send both.
async fn authorize_grant(auth: &AuthState, request: &HttpRequest) -> Result<(Authority, Actor), Problem> {
    let refusal = match AdminCaller::<Owner>::from_request(request, &mut Payload::None).await {
        Ok(admin) => return Ok((Authority::Owner, admin.actor())),
        Err(refusal) => refusal,
    };
    let Some(header) = request.headers().get(BOOTSTRAP_HEADER) else { return Err(refusal) };
    if !is_bootstrap_token(auth.bootstrap_token.as_ref(), header.as_bytes()) {
        return Err(Problem::new(ProblemCode::Unauthenticated, "The bootstrap token is wrong."));
    }
    // The insert decides; this check only saves the cost of a hash. A request with a key may be a repeated one, which is looked
    // up first.
    let repeatable = request.headers().contains_key("idempotency-key");
    if !repeatable && auth.store.admin_exists().await? {
        return Err(RegistrationError::AdminExists.into());
    }
    Ok((Authority::Bootstrap, Actor { account_id: None, role: ActorRole::Bootstrap, request_id: request_id(request) }))
}

route_problems!(
    AdminCreateProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::EmailTaken,
        ProblemCode::UsernameTaken,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Create an administrator account.
///
/// The caller is an administrator with the role `owner`. The first administrator is created with the header `X-Bootstrap-Token`
/// instead, which works only as long as there is none. The scope of an `Idempotency-Key` is the e-mail address.
#[utoipa::path(
    post,
    path = "/admin/createaccount",
    operation_id = "adminCreateAccount",
    tag = "administration",
    params(IdempotencyKeyHeader),
    request_body(
        content = CreateAdminAccount,
        examples(
            ("an administrator" = (value = json!(examples::admin_registration()))),
            ("an organizer" = (value = json!(examples::organizers_registration())))
        )
    ),
    responses(
        (
            status = 201,
            description = "The account.",
            body = AccountResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was used before: the response is repeated and nothing was changed.")),
            example = json!(examples::admin())
        ),
        AdminCreateProblems
    ),
    security(("token" = []), ("bootstrapToken" = [])),
)]
pub(super) async fn admin_create_account(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    // Authorization comes before the body is parsed.
    let (authority, actor) = authorize_grant(&auth, &request).await?;
    let mut body = JsonBody::<CreateAdminAccount>::from_request(&request, &mut payload.into_inner()).await?;
    check_email_domain(&mut body, auth.email_domains);
    let (CreateAdminAccount { name, username, email, password, admin_role }, keyed) = body.finish_keyed(&request)?;
    let role = admin_role.into_option().map_or(AdminRole::Owner, |AdminRoleName(role)| role);
    let grant = match authority {
        Authority::Owner => RoleGrant::Admin(role),
        Authority::Bootstrap if role == AdminRole::Owner => RoleGrant::FirstAdmin,
        Authority::Bootstrap => {
            return Err(Problem::invalid_field("adminRole", "must be owner, because the account is the first administrator's"));
        }
    };
    let registration = Registration { name, username, email, password, language: preferred_language(&request), confirmation: None };
    let key = keyed.map(|keyed| keyed.key);
    let (account, replayed) = register_once(&auth, registration, grant, Some(actor), key).await?;
    auth.notifier.notify();
    Ok(created(account, replayed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_complete_bootstrap_token_is_accepted() {
        let token = SecretString::from("a token of sixteen or more");
        assert!(is_bootstrap_token(Some(&token), b"a token of sixteen or more"));
        assert!(!is_bootstrap_token(Some(&token), b"a token of sixteen or mor"));
        assert!(!is_bootstrap_token(Some(&token), b""));
        assert!(!is_bootstrap_token(None, b""));
    }
}
