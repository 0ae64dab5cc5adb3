//! `/admin/accounts`: lists accounts, disables and enables them.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{SearchTerm, Title};
use rowlock_http::openapi::{IdempotencyKeyHeader, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonFields, KeyedRequest, Page, QueryFields, REPLAYED, key_reused, text};
use utoipa::{IntoParams, ToSchema};

use super::account::AdminAccountView;
use super::examples;
use crate::closing::ClosingError;
use crate::service::Auth;

impl From<ClosingError> for Problem {
    fn from(error: ClosingError) -> Self {
        match error {
            ClosingError::NotFound => Self::new(ProblemCode::AccountNotFound, "There is no account with this id."),
            ClosingError::Oneself => Self::new(ProblemCode::Forbidden, "Nobody disables their own account. Ask another administrator."),
            ClosingError::LastAdministrator => {
                Self::new(ProblemCode::LastAdministrator, "Make another administrator first: nobody would be left to run the box office.")
            }
            ClosingError::KeyReused => key_reused(),
            ClosingError::Contended => Self::new(ProblemCode::Overloaded, "The account is being changed by others. Please try again."),
            ClosingError::Message(error) => Self::internal(&error),
            ClosingError::Database(error) => error.into(),
        }
    }
}

/// Why the account is disabled.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `disable` reads")]
struct DisableAccount {
    /// Recorded in the audit log. Must not contain personal data.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

route_problems!(
    DisableProblems =
        Problems::for_administrators().with_body().changing().and(&[ProblemCode::AccountNotFound, ProblemCode::IdempotencyKeyReused])
);

/// Disable an account.
///
/// The account can no longer log in, its bookings for upcoming events are cancelled, and its waiting-list entries are closed.
/// Disabling an account that is already disabled has no effect. Administrators cannot disable their own account.
#[utoipa::path(
    post,
    path = "/admin/accounts/{accountId}/disable",
    operation_id = "disableAccount",
    tag = "administration",
    params(("accountId" = Uuid, Path, description = "The account.", example = json!(examples::ADA)), IdempotencyKeyHeader),
    request_body(content = DisableAccount, example = json!({"reason": "Resells tickets"})),
    responses(
        (
            status = 200,
            description = "The account as it is now.",
            body = AdminAccountView,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!(examples::disabled_account())
        ),
        DisableProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn disable(
    auth: web::Data<Auth>,
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    mut fields: JsonFields,
) -> Result<HttpResponse, Problem> {
    let keyed = KeyedRequest::of_path_and_body(&request, &mut fields);
    let reason = fields.optional("reason", text::<Title>);
    let (keyed, reason) = fields.finish(keyed.zip(reason))?;
    set_disabled(&auth, &admin, &path, true, reason.map(Title::into_string), keyed).await
}

route_problems!(
    EnableProblems =
        Problems::for_administrators().with_input().changing().and(&[ProblemCode::AccountNotFound, ProblemCode::IdempotencyKeyReused])
);

/// Enable an account.
///
/// The account can log in again. Its cancelled bookings and closed waiting-list entries are not restored.
#[utoipa::path(
    post,
    path = "/admin/accounts/{accountId}/enable",
    operation_id = "enableAccount",
    tag = "administration",
    params(("accountId" = Uuid, Path, description = "The account.", example = json!(examples::ADA)), IdempotencyKeyHeader),
    responses(
        (
            status = 200,
            description = "The account as it is now.",
            body = AdminAccountView,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")),
            example = json!(examples::admin_account())
        ),
        EnableProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn enable(
    auth: web::Data<Auth>,
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let keyed = KeyedRequest::of_path(&request)?;
    set_disabled(&auth, &admin, &path, false, None, keyed).await
}

async fn set_disabled(
    auth: &Auth,
    admin: &AdminCaller,
    id: &str,
    disabled: bool,
    reason: Option<String>,
    keyed: Option<KeyedRequest>,
) -> Result<HttpResponse, Problem> {
    let id: AccountId = id.parse().map_err(|_| ClosingError::NotFound)?;
    let (account, replayed) = auth.set_disabled(id, disabled, reason, admin.actor(), keyed.as_ref()).await?;
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header(REPLAYED);
    }
    Ok(response.json(AdminAccountView::from(account)))
}

/// Which accounts to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `admin_accounts` reads")]
struct AccountFilter {
    /// Words that must all occur in name, username or e-mail address, in any order. Parts of words match too, except that a term
    /// of one or two letters or digits matches only the beginning of a word. Case, accents and spellings such as `ß` and `ss`
    /// make no difference. A search for spaces alone matches everything.
    #[param(nullable = false, max_length = 200, example = "ada")]
    q: Option<String>,
}

route_problems!(AccountsProblems = Problems::for_administrators().with_input());

/// List all accounts, newest first.
#[utoipa::path(
    get,
    path = "/admin/accounts",
    operation_id = "listAccounts",
    tag = "administration",
    params(AccountFilter, PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<AdminAccountView>, example = json!(examples::page(&examples::admin_account()))),
        AccountsProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn admin_accounts(auth: web::Data<Auth>, _: AdminCaller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let term = query.optional::<SearchTerm>("q");
    let before = query.cursor::<AccountId>();
    let limit = query.limit();
    let read = || Some((term?, before?, limit?));
    let (term, before, limit) = query.finish(read())?;
    let accounts = auth.store.accounts(term.as_ref(), before, limit).await?;
    Ok(HttpResponse::Ok().json(Page::cut(accounts, limit, |account| account.id, AdminAccountView::from)))
}
