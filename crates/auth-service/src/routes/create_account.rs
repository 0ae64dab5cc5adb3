//! `POST /api/createaccount`: creates a user account.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{EmailDomains, IdempotencyKey};
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{JsonBody, REPLAYED_HEADER, key_reused, preferred_language};

use super::{MailSent, examples, mail_sent};
use crate::registration::{Registration, RegistrationError, register_by_mail, register_once};
use crate::resources::{AccountResource, CreateAccount};
use crate::state::AuthState;
use crate::store::{Account, RoleGrant};

/// Adds an error if the service accepts no e-mail addresses of this domain.
pub(super) fn check_email_domain<T>(body: &mut JsonBody<T>, domains: EmailDomains) {
    if let Some(Err(error)) = body.peek("email").map(|email| domains.admit(email)) {
        body.add_error("email", error.to_string());
    }
}

/// Reads [`CreateAccount`] and the idempotency key.
fn registration(
    request: &HttpRequest,
    mut body: JsonBody<CreateAccount>,
    domains: EmailDomains,
) -> Result<(Registration, Option<IdempotencyKey>), Problem> {
    check_email_domain(&mut body, domains);
    let (CreateAccount { name, username, email, password }, keyed) = body.finish_keyed(request)?;
    let language = preferred_language(request);
    Ok((Registration { name, username, email, password, language, confirmation: None }, keyed.map(|keyed| keyed.key)))
}

impl From<RegistrationError> for Problem {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::EmailTaken => {
                Self::new(ProblemCode::EmailTaken, "Another account has this e-mail address. Log in, or use another address.")
            }
            RegistrationError::UsernameTaken => {
                Self::new(ProblemCode::UsernameTaken, "Another account has this username. Choose another one.")
            }
            RegistrationError::AdminExists => Self::new(
                ProblemCode::Forbidden,
                "An administrator already exists, so the bootstrap token is no longer valid. Ask an administrator to create the account.",
            ),
            RegistrationError::KeyReused => key_reused(),
            RegistrationError::OutcomeUnknown(_) => {
                tracing::warn!(%error, "it is unknown whether the account was created");
                Self::new(
                    ProblemCode::OutcomeUnknown,
                    "The account may have been created. If you sent an Idempotency-Key, send the same request again with it; if not, try to log in, and create the account again if that fails.",
                )
            }
            RegistrationError::Message(error) => Self::internal(&error),
            RegistrationError::Notice(error) => Self::internal(&error),
            RegistrationError::Link(error) => error.into(),
            RegistrationError::Hash(error) => error.into(),
            RegistrationError::Database(error) => error.into(),
        }
    }
}

route_problems!(
    CreateProblems = Problems::for_anyone().with_body().changing().limited().and(&[
        ProblemCode::EmailTaken,
        ProblemCode::UsernameTaken,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Create an account.
///
/// The scope of an `Idempotency-Key` is the e-mail address: a repeated request returns the account that the first one created.
///
/// If the installation sends e-mail, the response is 202 whether or not another account has the address: the owner of the address
/// gets a link that confirms the new account, or learns that there is one already. The setting `mail.confirm_before_login` decides
/// whether the link has to be used before the first login.
#[utoipa::path(
    post,
    path = "/api/createaccount",
    operation_id = "createAccount",
    tag = "accounts",
    params(IdempotencyKeyHeader),
    request_body(content = CreateAccount, example = json!(examples::registration())),
    responses(
        (
            status = 201,
            description = "The account.",
            body = AccountResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was used before: the response is repeated and nothing was changed.")),
            example = json!(examples::account())
        ),
        (status = 202, description = "If the installation sends e-mail: an e-mail is on its way.", body = MailSent, example = json!(examples::mail_sent())),
        CreateProblems
    ),
)]
pub(super) async fn create_account(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<CreateAccount>,
) -> Result<HttpResponse, Problem> {
    let (registration, key) = registration(&request, body, auth.email_domains)?;
    auth.limits.check_registration(&request, &registration.email.lookup_keys())?;
    if auth.mail.enabled {
        register_by_mail(&auth, registration, key).await?;
        return Ok(mail_sent());
    }
    let (account, replayed) = register_once(&auth, registration, RoleGrant::User, None, key).await?;
    Ok(created(account, replayed))
}

/// Returns the response to a request that created an account, either now or, if `replayed`, before.
pub(super) fn created(account: Account, replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::Created();
    if replayed {
        response.insert_header(REPLAYED_HEADER);
    }
    response.json(AccountResource::from(account))
}
