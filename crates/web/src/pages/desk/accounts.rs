//! Accounts: searching, disabling and enabling, and the roles of administrators.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use fluent_bundle::FluentValue;
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::AdminRole;
use serde_json::json;

use super::confirm::ConfirmPage;
use super::models::{DeskAccount, Holdings};
use super::{done, id_in, next_page, organizer};
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::redirect::see_other;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_status};

#[derive(Template)]
#[template(path = "desk/accounts.html")]
struct AccountsPage {
    page: Page,
    done: Option<String>,
    search: String,
    accounts: Vec<DeskAccount>,
    next: Option<String>,
}

impl AccountsPage {
    fn action_link(account: &DeskAccount) -> String {
        let action = if account.disabled_at.is_some() { "enable" } else { "disable" };
        format!("/desk/accounts/{}/{action}{}", account.id, links::query(&[("holder", &account.name)]))
    }

    /// Returns the address of the page that changes the role, if the account is an administrator's.
    fn role_link(account: &DeskAccount) -> Option<String> {
        let role = account.admin_role.filter(|_| account.role == "admin")?;
        let query = links::query(&[("holder", &account.name), ("role", role.as_str())]);
        Some(format!("/desk/accounts/{}/role{query}", account.id))
    }

    fn role_text(&self, account: &DeskAccount) -> String {
        let role = account.admin_role.filter(|_| account.role == "admin");
        self.page.t(match role {
            None if account.role == "admin" => "desk-role-owner",
            None => "desk-role-user",
            Some(AdminRole::Owner) => "desk-role-owner",
            Some(AdminRole::Organiser) => "desk-role-organiser",
            Some(AdminRole::Door) => "desk-role-door",
        })
    }
}

/// Shows the accounts, newest first.
pub(super) async fn list(visitor: Visitor) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let search = visitor.query("q");
    let path = format!("/admin/accounts{}", links::query(&[("q", &search), ("cursor", &visitor.query("cursor")), ("limit", "50")]));
    let list: List<DeskAccount> = visitor.call(Call::get(&path)).await?;
    let mut page = visitor.page(visitor.locale.text("desk-accounts")).in_section("desk");
    page.width = "wide";
    let next = next_page(&visitor, "/desk/accounts", &["q"], list.next_cursor.as_ref());
    render(&AccountsPage { page, done: done(&visitor), search, accounts: list.items, next })
}

async fn question(visitor: &Visitor, account: AccountId, action: &str) -> Result<ConfirmPage, PageError> {
    let text = |part: &str| visitor.locale.text(&format!("desk-{action}-account-{part}"));
    let path = format!("/desk/accounts/{account}/{action}");
    let mut page = ConfirmPage::new(visitor, text("title"), text("button"), path, "/desk/accounts".to_owned());
    page.sentences = vec![text("explanation")];
    let holder = visitor.query("holder");
    if !holder.is_empty() {
        page.facts.push((visitor.locale.text("desk-account"), holder));
    }
    if action == "disable" {
        let holdings: Holdings = visitor.call(Call::get(&format!("/admin/holdings/{account}"))).await?;
        page.sentences.push(visitor.locale.with(
            "desk-disable-account-loses",
            [
                ("bookings", FluentValue::from(holdings.bookings)),
                ("tickets", FluentValue::from(holdings.tickets)),
                ("entries", FluentValue::from(holdings.waitlist_entries)),
            ],
        ));
        page.asks_reason = true;
        page.is_danger = true;
    }
    Ok(page)
}

/// Asks before an account is disabled or enabled, and says what it would lose.
pub(super) async fn ask(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    render(&question(&visitor, id_in(&path.0)?, &path.1).await?)
}

/// Disables or enables an account.
pub(super) async fn run(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (account, action) = (id_in::<AccountId>(&path.0)?, path.1.as_str());
    let (key, reason) = (form.key(), form.get("reason"));
    let api_path = format!("/admin/accounts/{account}/{action}");
    let call = match (action, reason) {
        ("enable", _) => Call::new(reqwest::Method::POST, &api_path),
        (_, "") => Call::post(&api_path, json!({})),
        (_, reason) => Call::post(&api_path, json!({"reason": reason})),
    };
    match visitor.call_empty(call.key(&key)).await {
        Ok(()) => Ok(see_other(&format!("/desk/accounts?done=account-{action}d"))),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            let mut page = question(&visitor, account, action).await?;
            page.errors = errors;
            reason.clone_into(&mut page.reason);
            render_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// The page that changes the role of an administrator.
#[derive(Template)]
#[template(path = "desk/role.html")]
struct RolePage {
    page: Page,
    errors: FormErrors,
    holder: String,
    action: String,
    /// Each role with its name and what it permits.
    roles: [(&'static str, String, String); 3],
    selected: String,
    key: String,
}

impl RolePage {
    fn new(visitor: &Visitor, account: AccountId, selected: &str, key: String, errors: FormErrors) -> Self {
        let mut page = visitor.page(visitor.locale.text("desk-change-role")).in_section("desk");
        page.width = "wide";
        let role = |role: AdminRole| {
            let name = visitor.locale.text(&format!("desk-role-{role}"));
            (role.as_str(), name, visitor.locale.text(&format!("desk-role-{role}-explained")))
        };
        let holder = visitor.query("holder");
        let action = format!("/desk/accounts/{account}/role{}", links::query(&[("holder", &holder)]));
        let roles = [AdminRole::Owner, AdminRole::Organiser, AdminRole::Door].map(role);
        Self { page, errors, holder, action, roles, selected: selected.to_owned(), key }
    }
}

/// Shows the roles to choose from.
pub(super) async fn ask_role(visitor: Visitor, path: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let selected = visitor.query("role");
    render(&RolePage::new(&visitor, id_in(&path)?, &selected, new_key(), FormErrors::default()))
}

/// Changes the role of an administrator.
pub(super) async fn change_role(visitor: Visitor, path: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (account, key, role) = (id_in::<AccountId>(&path)?, form.key(), form.get("role"));
    let api_path = format!("/admin/accounts/{account}");
    let change = Call::new(reqwest::Method::PATCH, &api_path).body(json!({"adminRole": role})).key(&key);
    match visitor.call_empty(change).await {
        Ok(()) => Ok(see_other("/desk/accounts?done=account-role")),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            render_status(StatusCode::UNPROCESSABLE_ENTITY, &RolePage::new(&visitor, account, role, new_key(), errors))
        }
    }
}
