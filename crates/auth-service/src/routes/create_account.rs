//! POST `/api/createaccount`: anyone gets an account.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_platform::http::{JsonFields, text};
use rowlock_platform::problem::Problem;

use super::account::AccountView;
use crate::registration::{Registration, RegistrationError, register};
use crate::service::Auth;
use crate::store::Admission;

/// Reads `{name, username, email, password}`.
pub(super) fn registration(mut fields: JsonFields) -> Result<Registration, Problem> {
    let name = fields.required("name", text);
    let username = fields.required("username", text);
    let email = fields.required("email", text);
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

/// Answers 201 with the account, or 409 `email-taken` or `username-taken`.
pub(super) async fn create_account(auth: web::Data<Auth>, request: HttpRequest, fields: JsonFields) -> Result<HttpResponse, Problem> {
    let registration = registration(fields)?;
    auth.limits.creates_account(&request, &registration.email)?;
    let account = register(&auth.store, &auth.passwords, &auth.clock, registration, Admission::User, None).await?;
    Ok(HttpResponse::Created().json(AccountView::from(account)))
}
