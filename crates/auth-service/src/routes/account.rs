//! `/api/account`: one's own account, all that is stored about it, and its end.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Role;
use rowlock_platform::http::{Caller, request_id};
use rowlock_platform::problem::Problem;
use serde::Serialize;
use serde_json::Value;

use crate::service::Auth;
use crate::store::{Account, StoredSession};

/// An account as its owner and administrators see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountView {
    id: AccountId,
    name: String,
    username: String,
    email: String,
    role: Role,
    created_at: Timestamp,
}

/// An account as administrators see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdminAccountView {
    #[serde(flatten)]
    account: AccountView,
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

/// DELETE `/api/account`: everything that says who it was is erased, here at once and elsewhere by message. Answers 204, or
/// 409 for the last administrator.
pub(super) async fn erase(auth: web::Data<Auth>, caller: Caller) -> Result<HttpResponse, Problem> {
    auth.erase(caller.sub).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// GET `/api/account/export`: all that is stored about the caller. Answers 200 with it, or 503 while `booking-service` is
/// away: a part would be taken for the whole.
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

/// All that is stored about a person. Of the password there is only a hash, which is not shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Export {
    account: AdminAccountView,
    sessions: Vec<StoredSession>,
    booking_service: Value,
}

fn gone() -> Problem {
    Problem::new(ProblemCode::Unauthenticated, "The account of this token no longer exists.")
}

/// Answers 200 with the account, or 401 when it no longer exists.
pub(super) async fn account(auth: web::Data<Auth>, caller: Caller) -> Result<HttpResponse, Problem> {
    match auth.store.account(caller.sub).await? {
        Some(account) => Ok(HttpResponse::Ok().json(AccountView::from(account))),
        None => Err(gone()),
    }
}
