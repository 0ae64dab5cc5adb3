//! Creating an account, and signing in with it.

use actix_web::HttpResponse;
use askama::Template;
use serde_json::{Value, json};

use crate::api::Call;
use crate::api::models::SignedIn;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::pages::mail_links::show_sent;
use crate::pages::sign_in::end_previous;
use crate::redirect::{safe_next, see_other};
use crate::session::Session;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

/// The fields that the visitor fills in, in their order.
const FIELDS: [&str; 4] = ["name", "username", "email", "password"];

#[derive(Template)]
#[template(path = "sign_up.html")]
struct SignUpPage {
    page: Page,
    errors: FormErrors,
    name: String,
    username: String,
    email: String,
    next: String,
    key: String,
}

impl SignUpPage {
    fn new(visitor: &Visitor, next: &str, form: &Form, key: String, errors: FormErrors) -> Self {
        let value = |name| form.get(name).to_owned();
        Self {
            page: visitor.page(visitor.locale.text("create-account")).in_section("sign-in"),
            errors,
            name: value("name"),
            username: value("username"),
            email: value("email"),
            next: safe_next(next).to_owned(),
            key,
        }
    }

    fn sign_in_link(&self) -> String {
        format!("/signin{}", links::query(&[("next", if self.next == "/" { "" } else { &self.next })]))
    }
}

/// Shows the form.
pub(crate) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let next = visitor.query("next");
    if visitor.query("done") == "sent" {
        return show_sent(&visitor);
    }
    if visitor.session().is_some() {
        return Ok(see_other(safe_next(&next)));
    }
    render(&SignUpPage::new(&visitor, &next, &Form::default(), new_key(), FormErrors::default()))
}

/// Creates the account and signs in.
pub(crate) async fn submit(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let (next, key) = (form.get("next"), form.key());
    let mut errors = FormErrors::default();
    for field in FIELDS {
        if form.raw(field).trim().is_empty() {
            errors.add(field, visitor.locale.text(&format!("missing-{field}")));
        }
    }
    if !errors.is_empty() {
        return render_refused(&SignUpPage::new(&visitor, next, &form, key, errors));
    }
    let password = form.raw("password");
    let account = json!({"name": form.get("name"), "username": form.get("username"), "email": form.get("email"), "password": password});
    let created = visitor.call_public::<Value>(Call::post("/api/createaccount", account).key(&key)).await;
    // The response to a new and to a taken address is the same, and the rest is in the e-mail.
    let mail_sent = created.as_ref().is_ok_and(|body| body.get("status").is_some_and(|status| status == "mail-sent"));
    if let Err(error) = created {
        let taken = match error.code() {
            "email-taken" => Some(("email", "problem-email-taken")),
            "username-taken" => Some(("username", "problem-username-taken")),
            _ => None,
        };
        let errors = match taken {
            Some((field, id)) => {
                let mut errors = FormErrors::default();
                errors.add(field, visitor.locale.text(id));
                errors
            }
            None => FormErrors::of(error, &visitor.locale)?,
        };
        return render_refused(&SignUpPage::new(&visitor, next, &form, new_key(), errors));
    }
    let login = json!({"email": form.get("email"), "password": password});
    let signed_in: SignedIn = match visitor.call_public(Call::post("/api/loginaccount", login)).await {
        Ok(signed_in) => signed_in,
        // The address must be confirmed first, it had an account before, or the login failed for a passing reason. The account exists in
        // any case, so the e-mail says how to go on.
        Err(_) if mail_sent => return Ok(see_other("/signup?done=sent")),
        Err(error) => return Err(error.into()),
    };
    end_previous(&visitor).await;
    visitor.sign_in(Session::from(signed_in))?;
    Ok(see_other(safe_next(next)))
}
