//! Changing the name, the e-mail address, the password and the notifications of the account.

use actix_web::HttpResponse;
use askama::Template;
use reqwest::Method;
use serde_json::json;

use crate::api::Call;
use crate::api::models::Account;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::redirect::see_other;
use crate::session::Session;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

#[derive(Template)]
#[template(path = "account_name.html")]
struct NamePage {
    page: Page,
    errors: FormErrors,
    name: String,
}

#[derive(Template)]
#[template(path = "account_password.html")]
struct PasswordPage {
    page: Page,
    errors: FormErrors,
    /// For password managers, which store the new password under it.
    email: String,
    key: String,
}

fn name_page(visitor: &Visitor, name: &str, errors: FormErrors) -> NamePage {
    NamePage { page: visitor.page(visitor.locale.text("change-name")).in_section("account"), errors, name: name.to_owned() }
}

/// Shows the form for the name.
pub(crate) async fn show_name(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let account: Account = visitor.call(Call::get("/api/account")).await?;
    render(&name_page(&visitor, &account.name, FormErrors::default()))
}

/// Changes the name.
pub(crate) async fn change_name(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let name = form.get("name");
    let change = Call::new(Method::PATCH, "/api/account").body(json!({"name": name}));
    match visitor.call::<Account>(change).await {
        Ok(account) => {
            if let Some(session) = visitor.session() {
                visitor.sign_in(Session { name: account.name, ..session })?;
            }
            Ok(see_other("/account?done=name"))
        }
        Err(error) => {
            let errors = FormErrors::of(error.then("/account/name"), &visitor.locale)?;
            render_refused(&name_page(&visitor, name, errors))
        }
    }
}

async fn password_page(visitor: &Visitor, key: String, errors: FormErrors) -> Result<PasswordPage, PageError> {
    let account: Account = visitor.call(Call::get("/api/account")).await?;
    let page = visitor.page(visitor.locale.text("change-password")).in_section("account");
    Ok(PasswordPage { page, errors, email: account.email, key })
}

/// Shows the form for the password.
pub(crate) async fn show_password(visitor: Visitor) -> Result<HttpResponse, PageError> {
    render(&password_page(&visitor, new_key(), FormErrors::default()).await?)
}

#[derive(Template)]
#[template(path = "account_email.html")]
struct EmailPage {
    page: Page,
    errors: FormErrors,
    email: String,
}

fn email_page(visitor: &Visitor, email: &str, errors: FormErrors) -> EmailPage {
    EmailPage { page: visitor.page(visitor.locale.text("change-email")).in_section("account"), errors, email: email.to_owned() }
}

/// Shows the form for the e-mail address.
pub(crate) async fn show_email(visitor: Visitor) -> Result<HttpResponse, PageError> {
    visitor.call::<Account>(Call::get("/api/account")).await?;
    render(&email_page(&visitor, "", FormErrors::default()))
}

/// Requests a link to a new address, which the account gets when the link is used.
pub(crate) async fn change_email(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let (email, password) = (form.get("email"), form.raw("password"));
    let mut errors = FormErrors::default();
    for (field, value) in [("email", email), ("password", password)] {
        if value.is_empty() {
            errors.add(field, visitor.locale.text(&format!("missing-{field}")));
        }
    }
    if !errors.is_empty() {
        return render_refused(&email_page(&visitor, email, errors));
    }
    let change = Call::post("/api/changeemail", json!({"email": email, "password": password}));
    let errors = match visitor.call_empty(change).await {
        Ok(()) => return Ok(see_other("/account?done=email")),
        Err(error) if error.code() == "wrong-password" => {
            errors.add("password", visitor.locale.text("problem-wrong-password"));
            errors
        }
        Err(error) => FormErrors::of(error.then("/account/email"), &visitor.locale)?,
    };
    render_refused(&email_page(&visitor, email, errors))
}

/// Requests another link that confirms the present address.
pub(crate) async fn resend_confirmation(visitor: Visitor, _: Form) -> Result<HttpResponse, PageError> {
    let resend = Call::new(Method::POST, "/api/resendconfirmation");
    visitor.call_empty(resend).await.map_err(|error| error.then("/account"))?;
    Ok(see_other("/account?done=confirmation"))
}

/// Changes which e-mail the visitor gets besides e-mail about own tickets.
pub(crate) async fn change_notifications(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let chosen = json!({"waitlist": form.get("waitlist") == "yes", "reminders": form.get("reminders") == "yes"});
    let change = Call::new(Method::PATCH, "/api/account").body(json!({"notifications": chosen}));
    visitor.call_empty(change).await.map_err(|error| error.then("/account"))?;
    Ok(see_other("/account?done=notifications"))
}

/// Changes the password, which ends the sessions of all other browsers.
pub(crate) async fn change_password(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let (password, new, key) = (form.raw("password"), form.raw("newPassword"), form.key());
    let mut errors = FormErrors::default();
    for (field, value) in [("password", password), ("newPassword", new)] {
        if value.is_empty() {
            errors.add(field, visitor.locale.text(if field == "password" { "missing-password" } else { "missing-new-password" }));
        }
    }
    if !errors.is_empty() {
        return render_refused(&password_page(&visitor, key, errors).await?);
    }
    let change = Call::post("/api/changepassword", json!({"password": password, "newPassword": new})).key(&key);
    let errors = match visitor.call_empty(change).await {
        Ok(()) => return Ok(see_other("/account?done=password")),
        Err(error) if error.code() == "wrong-password" => {
            errors.add("password", visitor.locale.text("problem-wrong-password"));
            errors
        }
        Err(error) => FormErrors::of(error.then("/account/password"), &visitor.locale)?,
    };
    render_refused(&password_page(&visitor, new_key(), errors).await?)
}
