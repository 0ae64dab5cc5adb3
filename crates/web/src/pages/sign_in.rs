//! Signing in and out.

use actix_web::HttpResponse;
use askama::Template;
use chrono::TimeDelta;
use serde_json::json;

use crate::api::Call;
use crate::api::models::SignedIn;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::redirect::{safe_next, see_other};
use crate::session::{PendingLogin, Session};
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    page: Page,
    errors: FormErrors,
    email: String,
    next: String,
}

impl SignInPage {
    fn new(visitor: &Visitor, next: &str, email: &str, errors: FormErrors) -> Self {
        let page = visitor.page(visitor.locale.text("sign-in")).in_section("sign-in");
        Self { page, errors, email: email.to_owned(), next: safe_next(next).to_owned() }
    }

    /// Whether the visitor continues with a booking.
    fn continues_booking(&self) -> bool {
        self.next.starts_with("/events/")
    }

    fn sign_up_link(&self) -> String {
        format!("/signup{}", links::query(&[("next", if self.next == "/" { "" } else { &self.next })]))
    }
}

/// The page that asks for the code of the second factor. It carries the encrypted login, so that the password is typed once.
#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    page: Page,
    errors: FormErrors,
    pending: String,
    next: String,
}

impl CodePage {
    fn new(visitor: &Visitor, next: &str, login: &PendingLogin, errors: FormErrors) -> Result<Self, PageError> {
        let page = visitor.page(visitor.locale.text("totp-title")).in_section("sign-in");
        let pending = visitor.site.seal.seal_login(login).map_err(|_| PageError::Internal)?;
        Ok(Self { page, errors, pending, next: safe_next(next).to_owned() })
    }

    fn again_link(&self) -> String {
        format!("/signin{}", links::query(&[("next", if self.next == "/" { "" } else { &self.next })]))
    }
}

/// How long a code may take after the password.
const CODE_TIMEOUT: TimeDelta = TimeDelta::minutes(5);

/// Shows the form.
pub(crate) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let next = visitor.query("next");
    if visitor.session().is_some() {
        return Ok(see_other(safe_next(&next)));
    }
    render(&SignInPage::new(&visitor, &next, "", FormErrors::default()))
}

/// Signs in and goes to the page that asked for it.
pub(crate) async fn submit(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let pending = form.get("pending");
    if !pending.is_empty() {
        return submit_code(&visitor, &form, pending).await;
    }
    let (email, password, next) = (form.get("email"), form.raw("password"), form.get("next"));
    let mut errors = FormErrors::default();
    for (field, value) in [("email", email), ("password", password)] {
        if value.is_empty() {
            errors.add(field, visitor.locale.text(&format!("missing-{field}")));
        }
    }
    if !errors.is_empty() {
        return render_refused(&SignInPage::new(&visitor, next, email, errors));
    }
    let body = json!({"email": email, "password": password});
    match visitor.call_public::<SignedIn>(Call::post("/api/loginaccount", body)).await {
        Ok(signed_in) => enter(&visitor, signed_in, next).await,
        Err(error) if error.code() == "totp-required" => {
            let expires_at = visitor.site.clock.now() + CODE_TIMEOUT;
            let login = PendingLogin { email: email.to_owned(), password: password.to_owned(), expires_at };
            render(&CodePage::new(&visitor, next, &login, FormErrors::default())?)
        }
        Err(error) if error.code() == "bad-credentials" => {
            render_refused(&SignInPage::new(&visitor, next, email, bad_credentials(&visitor)))
        }
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            render_refused(&SignInPage::new(&visitor, next, email, errors))
        }
    }
}

/// Returns the error of a login that was refused. The API does not tell whether the address still has to be confirmed.
fn bad_credentials(visitor: &Visitor) -> FormErrors {
    let id = if visitor.site.settings.mail { "problem-bad-credentials-or-unconfirmed" } else { "problem-bad-credentials" };
    FormErrors::general(visitor.locale.text(id))
}

/// Replaces the session of this browser with a new one, and goes to the page that asked for it.
async fn enter(visitor: &Visitor, signed_in: SignedIn, next: &str) -> Result<HttpResponse, PageError> {
    end_previous(visitor).await;
    visitor.sign_in(Session::from(signed_in))?;
    Ok(see_other(safe_next(next)))
}

/// Signs in with the code of the second factor.
async fn submit_code(visitor: &Visitor, form: &Form, pending: &str) -> Result<HttpResponse, PageError> {
    let (code, next) = (form.get("code"), form.get("next"));
    let login = visitor.site.seal.open_login(pending).filter(|login| visitor.site.clock.now() < login.expires_at);
    let Some(login) = login else {
        let errors = FormErrors::general(visitor.locale.text("totp-too-late"));
        return render_refused(&SignInPage::new(visitor, next, "", errors));
    };
    let mut errors = FormErrors::default();
    if code.is_empty() {
        errors.add("code", visitor.locale.text("missing-totp"));
        return render_refused(&CodePage::new(visitor, next, &login, errors)?);
    }
    let body = json!({"email": login.email, "password": login.password, "totp": code});
    match visitor.call_public::<SignedIn>(Call::post("/api/loginaccount", body)).await {
        Ok(signed_in) => enter(visitor, signed_in, next).await,
        Err(error) if error.code() == "bad-totp" => {
            errors.add("code", visitor.locale.text("problem-bad-totp"));
            render_refused(&CodePage::new(visitor, next, &login, errors)?)
        }
        // The password has been changed meanwhile.
        Err(error) if error.code() == "bad-credentials" => {
            render_refused(&SignInPage::new(visitor, next, &login.email, bad_credentials(visitor)))
        }
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            render_refused(&CodePage::new(visitor, next, &login, errors)?)
        }
    }
}

/// Ends the session at the API and in this browser.
pub(crate) async fn sign_out(visitor: Visitor, _: Form) -> Result<HttpResponse, PageError> {
    end_previous(&visitor).await;
    visitor.forget_session();
    visitor.forget_visitor();
    Ok(see_other("/"))
}

/// Ends the session of this browser at the API. A failure is logged: the browser forgets the session in any case.
pub(crate) async fn end_previous(visitor: &Visitor) {
    let Some(session) = visitor.session() else { return };
    let body = json!({"refreshToken": session.refresh_token});
    if let Err(error) = visitor.site.api.send_empty(&Call::post("/api/logoutaccount", body), &visitor.origin()).await {
        tracing::warn!(%error, "a session could not be ended; it expires if it is not refreshed");
    }
    visitor.site.renewals.forget(&session.refresh_token);
}
