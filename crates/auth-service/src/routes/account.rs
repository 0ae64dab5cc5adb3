//! `/api/account`: returns, exports and erases the caller's account.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Role;
use rowlock_http::openapi::{AccountRole, NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, FormerCaller, KeyedRequest, request_id};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::Ref;

use super::examples;
use crate::service::Auth;
use crate::store::{Account, StoredSession};

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountView {
    #[schema(value_type = Uuid)]
    id: AccountId,
    name: String,
    username: String,
    email: String,
    #[schema(value_type = AccountRole)]
    role: Role,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
}

/// An account as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminAccount)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdminAccountView {
    #[serde(flatten)]
    account: AccountView,
    /// When the account was disabled; null if it is enabled.
    #[schema(value_type = Option<DateTime>, required)]
    disabled_at: Option<Timestamp>,
}

impl From<Account> for AdminAccountView {
    fn from(account: Account) -> Self {
        Self { disabled_at: account.disabled_at, account: account.into() }
    }
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let Account { id, name, username, email, role, created_at, .. } = account;
        Self { id, name, username, email, role, created_at }
    }
}

route_problems!(EraseProblems = Problems::for_users().with_input().changing().and(&[ProblemCode::LastAdministrator]));

/// Erase your account.
///
/// All personal data is erased. Tickets of future events are returned and waiting-list entries are closed; bookings of past
/// events are kept but anonymized. A repeated request gets 204 as well.
#[utoipa::path(
    delete,
    path = "/api/account",
    operation_id = "eraseAccount",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    responses((status = 204, description = "The account is erased; also when it was before."), EraseProblems),
    security(("token" = [])),
)]
pub(super) async fn erase(auth: web::Data<Auth>, caller: FormerCaller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    KeyedRequest::of_path(&request)?;
    // The token of an erased account is revoked, but a repeated request gets the same response as the first one.
    if caller.has_ended() && auth.store.account(caller.claims().sub).await?.is_none() {
        return Ok(HttpResponse::NoContent().finish());
    }
    auth.erase(caller.still_valid()?.sub).await?;
    Ok(HttpResponse::NoContent().finish())
}

route_problems!(ExportProblems = Problems::for_users());

/// Export everything that is stored about you.
///
/// The response is 503 if any part of the data cannot be read, because an incomplete export could be mistaken for a complete
/// one.
#[utoipa::path(
    get,
    path = "/api/account/export",
    operation_id = "exportAccount",
    tag = "accounts",
    responses(
        (
            status = 200,
            description = "All of it, to be kept as a file.",
            body = Export,
            headers(
                ("Content-Disposition" = String, description = "`attachment` with the name of the file."),
                ("Cache-Control" = String, description = "`no-store`.")
            ),
            example = json!(examples::export())
        ),
        ExportProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn export(auth: web::Data<Auth>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let Some(account) = auth.store.account(caller.sub).await? else { return Err(gone()) };
    let sessions = auth.store.all_sessions(caller.sub).await?;
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bookings = auth.elsewhere.fetch(token, request_id(&request)).await?;
    let export = Export { account: AdminAccountView::from(account), sessions, booking_service: bookings };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"rowlock-account.json\""))
        .json(export))
}

/// Everything that is stored about an account. The hash of the password is not included.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountExport)]
#[serde(rename_all = "camelCase")]
struct Export {
    account: AdminAccountView,
    sessions: Vec<StoredSession>,
    /// The data that booking-service stores.
    #[schema(schema_with = stored_bookings)]
    booking_service: Value,
}

/// The schema is part of booking-service's description.
fn stored_bookings() -> Ref {
    Ref::from_schema_name("StoredBookings")
}

fn gone() -> Problem {
    Problem::new(ProblemCode::Unauthenticated, "The account of this token no longer exists.")
}

route_problems!(AccountProblems = Problems::for_users());

/// Get your account.
#[utoipa::path(
    get,
    path = "/api/account",
    operation_id = "getAccount",
    tag = "accounts",
    responses((status = 200, description = "The account.", body = AccountView, example = json!(examples::account())), AccountProblems),
    security(("token" = [])),
)]
pub(super) async fn account(auth: web::Data<Auth>, caller: Caller) -> Result<HttpResponse, Problem> {
    match auth.store.account(caller.sub).await? {
        Some(account) => Ok(HttpResponse::Ok().json(AccountView::from(account))),
        None => Err(gone()),
    }
}
