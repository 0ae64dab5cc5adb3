//! `POST /api/createaccount`: creates a user account.

use std::cmp::Reverse;

use actix_web::http::header::{AcceptLanguage, Header, LanguageTag, Preference, Quality, QualityItem};
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Language;
use rowlock_domain::text::{EmailDomains, IdempotencyKey};
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{JsonBody, REPLAYED_HEADER, key_reused};

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

/// Returns the known language that the header `Accept-Language` prefers, or English if it names none.
pub(super) fn preferred_language(request: &HttpRequest) -> Language {
    let header = AcceptLanguage::parse(request).map(|header| header.0).unwrap_or_default();
    let mut accepted: Vec<_> = header.into_iter().filter(|range| range.quality > Quality::ZERO).collect();
    // The sort is stable: of two languages of the same quality, the first is preferred.
    accepted.sort_by_key(|range| Reverse(range.quality));
    let known = |range: &QualityItem<Preference<LanguageTag>>| range.item.item()?.primary_language().parse().ok();
    accepted.iter().find_map(known).unwrap_or(Language::English)
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

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_language_that_a_header_prefers_is_chosen() {
        for (header, language) in [
            ("", Language::English),
            ("de", Language::German),
            ("de-AT, en;q=0.5", Language::German),
            ("en;q=0.5, DE;q=0.501", Language::German),
            ("fr, de;q=0.8, en;q=0.9", Language::English),
            ("de, en", Language::German),
            ("fr, *", Language::English),
            ("de;q=0, en;q=0.1", Language::English),
            ("de;q=0", Language::English),
            ("de;q=nonsense", Language::English),
            (";;q=,,", Language::English),
        ] {
            let request = TestRequest::default().insert_header(("accept-language", header)).to_http_request();
            assert_eq!(preferred_language(&request), language, "{header}");
        }
        assert_eq!(preferred_language(&TestRequest::default().to_http_request()), Language::English);
    }
}
