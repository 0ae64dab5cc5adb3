//! POST `/api/createaccount`: anyone gets an account.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::EmailDomains;
use rowlock_platform::http::{JsonFields, text};
use rowlock_platform::openapi::Problems;
use rowlock_platform::problem::Problem;
use rowlock_platform::route_problems;
use utoipa::ToSchema;

use super::account::AccountView;
use super::examples;
use crate::registration::{Registration, RegistrationError, register};
use crate::service::Auth;
use crate::store::Admission;

/// What a person says to get an account.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `registration` reads")]
pub(super) struct CreateAccount {
    /// What the person is called, stored composed (NFC) and with white space as one space each. At least one visible character,
    /// no control characters; invisible ones only within what they shape, as in emoji and in Persian.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The handle of the account, unique without regard to case, to full or half width and to how characters are composed. No
    /// white space, no control or invisible characters.
    #[schema(min_length = 1, max_length = 64)]
    username: String,
    /// Unique without regard to case and to how a domain is written: `münchen.example` is `xn--mnchen-3ya.example`. Shown as it
    /// was typed. The domain has a dot, unless the setting `accounts.allow_local_email_domains` allows others.
    #[schema(max_length = 254, format = "email")]
    email: String,
    /// At least 8 characters and at most 72 bytes in UTF-8. No control characters.
    #[schema(min_length = 8, max_length = 72, format = Password, write_only)]
    password: String,
}

/// Reads [`CreateAccount`].
pub(super) fn registration(mut fields: JsonFields, domains: EmailDomains) -> Result<Registration, Problem> {
    let name = fields.required("name", text);
    let username = fields.required("username", text);
    let email = fields.required("email", |value| domains.admit(text(value)?).map_err(|error| error.to_string()));
    let password = fields.required("password", text);
    let read = || Some(Registration { name: name?, username: username?, email: email?, password: password? });
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
            RegistrationError::OutcomeUnknown(_) => {
                tracing::warn!(%error, "outcome unknown");
                Self::new(ProblemCode::OutcomeUnknown, "The account may have been made. Try to log in; if that fails, create it again.")
            }
            RegistrationError::Message(error) => Self::internal(&error),
            RegistrationError::Hash(error) => error.into(),
            RegistrationError::Database(error) => error.into(),
        }
    }
}

route_problems!(
    CreateProblems = Problems::for_anyone().with_body().changing().limited().and(&[ProblemCode::EmailTaken, ProblemCode::UsernameTaken])
);

/// Create an account.
#[utoipa::path(
    post,
    path = "/api/createaccount",
    operation_id = "createAccount",
    tag = "accounts",
    request_body(content = CreateAccount, example = json!(examples::registration())),
    responses((status = 201, description = "The account.", body = AccountView, example = json!(examples::account())), CreateProblems),
)]
pub(super) async fn create_account(auth: web::Data<Auth>, request: HttpRequest, fields: JsonFields) -> Result<HttpResponse, Problem> {
    let registration = registration(fields, auth.email_domains)?;
    auth.limits.creates_account(&request, &registration.email.forms())?;
    let account = register(&auth.store, &auth.passwords, &auth.clock, registration, Admission::User, None).await?;
    Ok(HttpResponse::Created().json(AccountView::from(account)))
}
