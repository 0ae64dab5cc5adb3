//! GET `/admin/accounts`: all accounts, the newest first.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::AccountId;
use rowlock_domain::text::SearchTerm;
use rowlock_platform::http::{AdminCaller, Page, QueryFields};
use rowlock_platform::problem::Problem;

use super::account::AccountView;
use crate::service::Auth;

/// Answers 200 with a page. `?q` finds a text in names, usernames and e-mails, `?cursor` and `?limit` page.
pub(super) async fn admin_accounts(auth: web::Data<Auth>, _: AdminCaller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let term = query.optional::<SearchTerm>("q");
    let before = query.cursor::<AccountId>();
    let limit = query.limit();
    let read = || Some((term?, before?, limit?));
    let (term, before, limit) = query.finish(read())?;
    let accounts = auth.store.accounts(term.as_ref(), before, limit).await?;
    Ok(HttpResponse::Ok().json(Page::cut(accounts, limit, |account| account.id, AccountView::from)))
}
