//! `POST /api/createaccount`: creates a user account.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{EmailDomains, IdempotencyKey};
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{JsonFields, KeyedRequest, REPLAYED, key_reused, text};
use utoipa::ToSchema;

use super::account::AccountView;
use super::examples;
use crate::registration::{Registration, RegistrationError, register_once};
use crate::service::Auth;
use crate::store::{Account, Admission};

/// The data from which an account is created.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `registration` reads")]
pub(super) struct CreateAccount {
    /// Name of the person. It is normalized to composed characters (NFC) and single spaces. At least one visible character; no
    /// control characters. Invisible characters are allowed only where they shape visible ones, as in emoji and in Persian.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Handle of the account. It is unique regardless of case, of full or half width and of how characters are composed. No
    /// white space, control characters or invisible characters.
    #[schema(min_length = 1, max_length = 64)]
    username: String,
    /// Unique regardless of case and of how its domain is written: `münchen.example` is `xn--mnchen-3ya.example`. It is returned
    /// as it was entered. The domain must contain a dot, unless the setting `accounts.allow_local_email_domains` allows others.
    #[schema(max_length = 254, format = "email")]
    email: String,
    /// At least 8 characters and at most 72 bytes in UTF-8; no control characters.
    #[schema(min_length = 8, max_length = 72, format = Password, write_only)]
    password: String,
}

/// Reads [`CreateAccount`] and the idempotency key.
pub(super) fn registration(
    request: &HttpRequest,
    mut fields: JsonFields,
    domains: EmailDomains,
) -> Result<(Registration, Option<IdempotencyKey>), Problem> {
    let keyed = KeyedRequest::of_body(request, &mut fields);
    let name = fields.required("name", text);
    let username = fields.required("username", text);
    let email = fields.required("email", |value| domains.admit(text(value)?).map_err(|error| error.to_string()));
    let password = fields.required("password", text);
    let read = || {
        let registration = Registration { name: name?, username: username?, email: email?, password: password? };
        Some((registration, keyed?.map(|keyed| keyed.key)))
    };
    fields.finish(read())
}

impl From<RegistrationError> for Problem {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::EmailTaken => {
                Self::new(ProblemCode::EmailTaken, "Another account has this e-mail. Log in, or use another one.")
            }
            RegistrationError::UsernameTaken => {
                Self::new(ProblemCode::UsernameTaken, "Another account has this username. Choose another one.")
            }
            RegistrationError::AdminExists => {
                Self::new(ProblemCode::Forbidden, "There is an administrator already, who can make others; the bootstrap token is used up.")
            }
            RegistrationError::KeyReused => key_reused(),
            RegistrationError::OutcomeUnknown(_) => {
                tracing::warn!(%error, "it is unknown whether the account was created");
                Self::new(
                    ProblemCode::OutcomeUnknown,
                    "The account may have been created. If you sent an Idempotency-Key, send the same request again with it; if not, try to log in, and create the account again if that fails.",
                )
            }
            RegistrationError::Message(error) => Self::internal(&error),
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
            body = AccountView,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!(examples::account())
        ),
        CreateProblems
    ),
)]
pub(super) async fn create_account(auth: web::Data<Auth>, request: HttpRequest, fields: JsonFields) -> Result<HttpResponse, Problem> {
    let (registration, key) = registration(&request, fields, auth.email_domains)?;
    auth.limits.creates_account(&request, &registration.email.forms())?;
    let (account, replayed) = register_once(&auth, registration, Admission::User, None, key).await?;
    Ok(created(account, replayed))
}

/// Returns the response to a request that created an account, either now or, if `replayed`, before.
pub(super) fn created(account: Account, replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::Created();
    if replayed {
        response.insert_header(REPLAYED);
    }
    response.json(AccountView::from(account))
}
