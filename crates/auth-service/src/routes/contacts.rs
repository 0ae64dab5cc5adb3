//! `POST /internal/contacts`: returns how to address the owners of accounts, for the service that sends e-mail. The gateway does
//! not route it.

use actix_web::{HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::Language;
use rowlock_http::problem::Problem;
use rowlock_http::{BoundedVec, InvalidBody, JsonBody};
use serde::Serialize;

use crate::resources::Notifications;
use crate::state::AuthState;
use crate::store::Account;

/// Maximum number of accounts per request.
const MAX_ACCOUNTS: usize = 500;

/// The accounts to return.
#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
pub(super) struct Contacts {
    account_ids: BoundedVec<AccountId, MAX_ACCOUNTS>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact {
    id: AccountId,
    username: String,
    name: String,
    email: String,
    /// Whether the address belongs to the person who chose the name and the username. Otherwise, no e-mail may contain them.
    email_confirmed: bool,
    language: Language,
    notifications: Notifications,
}

impl From<Account> for Contact {
    fn from(account: Account) -> Self {
        let (notifications, email_confirmed) = (account.notifications(), account.email_confirmed_at.is_some());
        let Account { id, username, name, email, language, .. } = account;
        Self { id, username, name, email, email_confirmed, language, notifications }
    }
}

#[derive(Serialize)]
struct ContactList {
    items: Vec<Contact>,
}

/// Returns 200 with the accounts that exist and are enabled.
pub(super) async fn contacts(auth: web::Data<AuthState>, mut body: JsonBody<Contacts>) -> Result<HttpResponse, Problem> {
    if body.peek::<BoundedVec<AccountId, MAX_ACCOUNTS>>("accountIds").is_some_and(|ids| ids.0.is_empty()) {
        body.add_error("accountIds", "must have at least 1 item");
    }
    let Contacts { account_ids } = body.finish()?;
    let accounts = auth.store.enabled_accounts(&account_ids.0).await?;
    Ok(HttpResponse::Ok().json(ContactList { items: accounts.into_iter().map(Contact::from).collect() }))
}
