//! `/admin/accounts`: lists accounts, disables and enables them, and changes the roles of administrators.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{SearchTerm, Title};
use rowlock_http::openapi::{self as words, IdempotencyKeyHeader, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{
    AdminCaller, Administrator, InvalidBody, JsonBody, KeyedRequest, NonNullPatch, Owner, Page, QueryFields, REPLAYED_HEADER, key_reused,
};
use utoipa::{IntoParams, ToSchema};

use super::examples;
use crate::account_changes::AccountChangeError;
use crate::resources::{AdminAccountResource, AdminRoleName};
use crate::state::AuthState;
use crate::store::Account;

impl From<AccountChangeError> for Problem {
    fn from(error: AccountChangeError) -> Self {
        match error {
            AccountChangeError::NotFound => Self::new(ProblemCode::AccountNotFound, "There is no account with this id."),
            AccountChangeError::OwnAccount => {
                Self::new(ProblemCode::Forbidden, "You cannot disable your own account. Ask another administrator.")
            }
            AccountChangeError::LastOwner => Self::new(
                ProblemCode::LastAdministrator,
                "This is the last administrator with the role `owner`. Give another administrator this role first.",
            ),
            AccountChangeError::NotAnAdministrator => Self::new(
                ProblemCode::NotAnAdministrator,
                "This account is not an administrator's, so it has no role that could be changed.",
            ),
            AccountChangeError::KeyReused => key_reused(),
            AccountChangeError::Contended => Self::new(
                ProblemCode::Overloaded,
                "Other requests are changing this account at the same time. Nothing was changed; try again.",
            ),
            AccountChangeError::Message(error) => Self::internal(&error),
            AccountChangeError::Database(error) => error.into(),
        }
    }
}

/// Why the account is disabled.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct DisableAccount {
    /// Recorded in the audit log. Must not contain personal data.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    reason: Option<Title>,
}

route_problems!(
    DisableProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::AccountNotFound,
        ProblemCode::LastAdministrator,
        ProblemCode::IdempotencyKeyReused
    ])
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
            description = "The current state of the account.",
            body = AdminAccountResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was used before: the response is repeated and nothing was changed.")),
            example = json!(examples::disabled_account())
        ),
        DisableProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn disable(
    auth: web::Data<AuthState>,
    admin: AdminCaller<Owner>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<DisableAccount>,
) -> Result<HttpResponse, Problem> {
    let (body, keyed) = body.finish_keyed_with_path(&request)?;
    set_disabled(&auth, &admin, &path, true, body.reason.map(Title::into_string), keyed).await
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
            description = "The current state of the account.",
            body = AdminAccountResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was used before: the response is repeated and nothing was changed.")),
            example = json!(examples::admin_account())
        ),
        EnableProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn enable(
    auth: web::Data<AuthState>,
    admin: AdminCaller<Owner>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let keyed = KeyedRequest::of_path(&request)?;
    set_disabled(&auth, &admin, &path, false, None, keyed).await
}

async fn set_disabled(
    auth: &AuthState,
    admin: &Administrator,
    id: &str,
    disabled: bool,
    reason: Option<String>,
    keyed: Option<KeyedRequest>,
) -> Result<HttpResponse, Problem> {
    let id: AccountId = id.parse().map_err(|_| AccountChangeError::NotFound)?;
    Ok(changed(auth.set_disabled(id, disabled, reason, admin.actor(), keyed.as_ref()).await?))
}

/// Changes to the account of an administrator.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ChangeAdministrator {
    /// The new role of the administrator.
    #[deserr(default)]
    #[schema(value_type = Option<words::AdminRole>, nullable = false)]
    admin_role: NonNullPatch<AdminRoleName>,
}

route_problems!(
    ChangeProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::AccountNotFound,
        ProblemCode::LastAdministrator,
        ProblemCode::NotAnAdministrator,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Change the role of an administrator.
///
/// Access tokens from before the change stop working within a minute; the refresh token then gets one with the new role. The last
/// owner cannot get another role. Omitted fields are unchanged.
#[utoipa::path(
    patch,
    path = "/admin/accounts/{accountId}",
    operation_id = "changeAdministrator",
    tag = "administration",
    params(("accountId" = Uuid, Path, description = "The account.", example = json!(examples::ROOT)), IdempotencyKeyHeader),
    request_body(content = ChangeAdministrator, example = json!({"adminRole": "organiser"})),
    responses(
        (
            status = 200,
            description = "The current state of the account.",
            body = AdminAccountResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if the key was used before: the response is repeated and nothing was changed.")),
            example = json!(examples::organizers_account())
        ),
        ChangeProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn change(
    auth: web::Data<AuthState>,
    admin: AdminCaller<Owner>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<ChangeAdministrator>,
) -> Result<HttpResponse, Problem> {
    let (body, keyed) = body.finish_keyed_with_path(&request)?;
    let id: AccountId = path.parse().map_err(|_| AccountChangeError::NotFound)?;
    let role = body.admin_role.into_option().map(|AdminRoleName(role)| role);
    Ok(changed(auth.set_admin_role(id, role, admin.actor(), keyed.as_ref()).await?))
}

/// Returns the response with an account that was changed, either now or, if the flag is set, by an earlier request.
fn changed((account, replayed): (Account, bool)) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header(REPLAYED_HEADER);
    }
    response.json(AdminAccountResource::from(account))
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
        (status = 200, description = "A page.", body = Page<AdminAccountResource>, example = json!(examples::page(&examples::admin_account()))),
        AccountsProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn admin_accounts(
    auth: web::Data<AuthState>,
    _: AdminCaller<Owner>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let term = query.optional::<SearchTerm>("q");
    let before = query.cursor::<AccountId>();
    let limit = query.limit();
    let read = || Some((term?, before?, limit?));
    let (term, before, limit) = query.finish(read())?;
    let accounts = auth.store.accounts(term.as_ref(), before, limit).await?;
    Ok(HttpResponse::Ok().json(Page::cut(accounts, limit, |account| account.id, AdminAccountResource::from)))
}
