//! `/admin/accounts`: all accounts, the newest first; shutting one and opening it again.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{SearchTerm, Title};
use rowlock_platform::http::{AdminCaller, JsonFields, Page, QueryFields, text};
use rowlock_platform::problem::Problem;

use super::account::AdminAccountView;
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
            ClosingError::Contended => Self::new(ProblemCode::Overloaded, "The account is being changed by others. Please try again."),
            ClosingError::Message(error) => Self::internal(&error),
            ClosingError::Database(error) => error.into(),
        }
    }
}

/// POST `/admin/accounts/{accountId}/disable` with `{reason?}`: nobody gets in with the account any more, and what it holds or
/// waits for goes back. Answers 200 with the account, also when it was disabled before.
pub(super) async fn disable(
    auth: web::Data<Auth>,
    admin: AdminCaller,
    path: web::Path<String>,
    mut fields: JsonFields,
) -> Result<HttpResponse, Problem> {
    let reason = fields.optional("reason", text::<Title>);
    let reason = fields.finish(reason)?;
    set_disabled(&auth, &admin, &path, true, reason.map(Title::into_string)).await
}

/// POST `/admin/accounts/{accountId}/enable`: the account may log in again. What it held has gone to others.
pub(super) async fn enable(auth: web::Data<Auth>, admin: AdminCaller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    set_disabled(&auth, &admin, &path, false, None).await
}

async fn set_disabled(auth: &Auth, admin: &AdminCaller, id: &str, disabled: bool, reason: Option<String>) -> Result<HttpResponse, Problem> {
    let id: AccountId = id.parse().map_err(|_| ClosingError::NotFound)?;
    let account = auth.set_disabled(id, disabled, reason, admin.actor()).await?;
    Ok(HttpResponse::Ok().json(AdminAccountView::from(account)))
}

/// Answers 200 with a page. `?q` finds a text in names, usernames and e-mails, `?cursor` and `?limit` page.
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
