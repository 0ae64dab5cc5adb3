//! The account: who is signed in, sessions, export and deletion.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use reqwest::Method;
use rowlock_domain::ids::SessionId;

use crate::api::Call;
use crate::api::models::{Account, LiveSession};
use crate::api::problem::ApiError;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::redirect::see_other;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    page: Page,
    account: Account,
    sessions: Vec<SessionRow>,
    notice: Option<String>,
}

#[derive(Template)]
#[template(path = "account_delete.html")]
struct DeletePage {
    page: Page,
    errors: FormErrors,
}

/// A session in the list.
struct SessionRow {
    id: String,
    device: String,
    since: String,
    used: String,
    is_current: bool,
}

/// Shows the account.
pub(crate) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let account: Account = visitor.call(Call::get("/api/account")).await?;
    let sessions: Vec<LiveSession> = visitor.call_list("/api/sessions", &[]).await?;
    let locale = &visitor.locale;
    let rows = sessions.into_iter().map(|session| SessionRow {
        id: session.id.to_string(),
        device: session.user_agent.as_deref().map_or_else(|| locale.text("unknown-device"), device),
        since: locale.short_date(session.created_at, Tz::UTC),
        used: locale.date_time(session.last_used_at, Tz::UTC),
        is_current: session.current,
    });
    let notice = match visitor.query("done").as_str() {
        "session" => Some(locale.text("notice-session-ended")),
        "name" => Some(locale.text("notice-name-changed")),
        "email" => Some(locale.text("notice-email-sent")),
        "confirmation" => Some(locale.text("notice-confirmation-sent")),
        "notifications" => Some(locale.text("notice-notifications-saved")),
        "password" => Some(locale.text("notice-password-changed")),
        _ => None,
    };
    let page = visitor.page(locale.text("account")).in_section("account");
    render(&AccountPage { page, account, sessions: rows.collect(), notice })
}

/// Returns browser and system of a `User-Agent`, such as `Firefox · Linux`, or the beginning of it.
fn device(user_agent: &str) -> String {
    const BROWSERS: [(&str, &str); 5] =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    const SYSTEMS: [(&str, &str); 6] =
        [("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux")];
    let find = |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => user_agent.chars().take(60).collect(),
    }
}

/// Sends everything that is stored about the visitor as a file.
pub(crate) async fn export(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let response = visitor.respond(Call::get("/api/account/export")).await?;
    let document = response.bytes().await.map_err(|error| PageError::from(ApiError::Unreadable(error)))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"rowlock-account.json\""))
        .content_type("application/json")
        .body(document))
}

/// Ends another session of the account. The one of this browser is ended by signing out.
pub(crate) async fn end_session(visitor: Visitor, id: web::Path<String>, _: Form) -> Result<HttpResponse, PageError> {
    let id: SessionId = id.parse().map_err(|_| PageError::NotFound)?;
    end(&visitor, &format!("/api/sessions/{id}")).await
}

/// Ends all other sessions of the account.
pub(crate) async fn end_others(visitor: Visitor, _: Form) -> Result<HttpResponse, PageError> {
    end(&visitor, "/api/sessions").await
}

/// Ends all sessions of the account, including the one of this browser.
pub(crate) async fn end_all(visitor: Visitor, _: Form) -> Result<HttpResponse, PageError> {
    visitor.call_empty(Call::new(Method::DELETE, "/api/sessions?all=true")).await.map_err(|error| error.then("/account"))?;
    visitor.forget_session();
    visitor.forget_visitor();
    Ok(see_other("/signin"))
}

async fn end(visitor: &Visitor, path: &str) -> Result<HttpResponse, PageError> {
    match visitor.call_empty(Call::new(Method::DELETE, path)).await {
        // The session has ended already, which is what was wanted.
        Ok(()) => Ok(see_other("/account?done=session")),
        Err(error) if error.code() == "session-not-found" => Ok(see_other("/account?done=session")),
        Err(error) => Err(error.then("/account")),
    }
}

/// Says what is lost with the account.
pub(crate) async fn confirm_delete(visitor: Visitor) -> Result<HttpResponse, PageError> {
    visitor.call::<Account>(Call::get("/api/account")).await?;
    render(&delete_page(&visitor, FormErrors::default()))
}

/// Deletes the account.
pub(crate) async fn delete(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    if form.get("confirm") != "yes" {
        let mut errors = FormErrors::default();
        errors.add("confirm", visitor.locale.text("missing-confirm"));
        return render_refused(&delete_page(&visitor, errors));
    }
    visitor.call_empty(Call::new(Method::DELETE, "/api/account")).await.map_err(|error| error.then("/account/delete"))?;
    visitor.forget_session();
    visitor.forget_visitor();
    Ok(see_other("/"))
}

fn delete_page(visitor: &Visitor, errors: FormErrors) -> DeletePage {
    DeletePage { page: visitor.page(visitor.locale.text("delete-account")).in_section("account"), errors }
}
