//! GET `/api/account`: one's own account.

use actix_web::{HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Role;
use rowlock_platform::http::Caller;
use rowlock_platform::problem::Problem;
use serde::Serialize;

use crate::service::Auth;
use crate::store::Account;

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

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let Account { id, name, username, email, role, created_at } = account;
        Self { id, name, username, email, role, created_at }
    }
}

/// Answers 200 with the account, or 401 when it no longer exists.
pub(super) async fn account(auth: web::Data<Auth>, caller: Caller) -> Result<HttpResponse, Problem> {
    match auth.store.account(caller.sub).await? {
        Some(account) => Ok(HttpResponse::Ok().json(AccountView::from(account))),
        None => Err(Problem::new(ProblemCode::Unauthenticated, "The account of this token no longer exists.")),
    }
}
