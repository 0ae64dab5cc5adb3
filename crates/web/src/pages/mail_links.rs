//! Pages behind links in e-mail: a forgotten password, the confirmation of an address, and the end of a kind of e-mail.
//!
//! Opening a link only shows a page with a button, because mail scanners open links. The pages are neither stored nor named in a
//! `Referer`, because their addresses contain the token.

use actix_web::HttpResponse;
use actix_web::http::header;
use askama::Template;
use serde_json::{Value, json};

use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::redirect::see_other;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused, render_status};

/// A page that says what happened, with a link to what comes next.
#[derive(Template)]
#[template(path = "mail_message.html")]
struct MessagePage {
    page: Page,
    sentence: String,
    /// Address and label of the link.
    link: (&'static str, String),
}

impl MessagePage {
    /// Creates the page from the texts `NAME-title` and `NAME-explained`.
    fn new(visitor: &Visitor, name: &str, href: &'static str, label: &str) -> Self {
        let text = |part: &str| visitor.locale.text(&format!("{name}-{part}"));
        Self { page: visitor.page(text("title")), sentence: text("explained"), link: (href, visitor.locale.text(label)) }
    }
}

/// A page with the button that does what a link is for.
#[derive(Template)]
#[template(path = "mail_button.html")]
struct ButtonPage {
    page: Page,
    sentence: String,
    action: String,
    button: String,
    /// The token of the link, if the form carries it and the token of the visitor.
    token: Option<String>,
}

#[derive(Template)]
#[template(path = "forgot_password.html")]
struct ForgotPage {
    page: Page,
    errors: FormErrors,
    email: String,
}

impl ForgotPage {
    fn new(visitor: &Visitor, email: &str, errors: FormErrors) -> Self {
        let page = visitor.page(visitor.locale.text("forgot-password")).in_section("sign-in");
        Self { page, errors, email: email.to_owned() }
    }
}

#[derive(Template)]
#[template(path = "reset_password.html")]
struct ResetPage {
    page: Page,
    errors: FormErrors,
    token: String,
}

impl ResetPage {
    fn new(visitor: &Visitor, token: &str, errors: FormErrors) -> Self {
        let page = visitor.page(visitor.locale.text("reset-password")).in_section("sign-in");
        Self { page, errors, token: token.to_owned() }
    }
}

/// Keeps the address of the page out of the `Referer` of every link on it.
fn without_referrer(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    response
}

/// Responds with the page about a link that is incomplete, expired or already used.
fn invalid_link(visitor: &Visitor) -> Result<HttpResponse, PageError> {
    let page = MessagePage::new(visitor, "link-invalid", "/", "to-all-events");
    render_status(actix_web::http::StatusCode::NOT_FOUND, &page).map(without_referrer)
}

/// Shows that an e-mail to the address of a new account is on its way.
pub(crate) fn show_sent(visitor: &Visitor) -> Result<HttpResponse, PageError> {
    render(&MessagePage::new(visitor, "signup-sent", "/signin", "sign-in"))
}

/// Shows the form for the address, or that an e-mail is on its way.
pub(crate) async fn show_forgot(visitor: Visitor) -> Result<HttpResponse, PageError> {
    if visitor.query("done") == "sent" {
        return render(&MessagePage::new(&visitor, "forgot-sent", "/signin", "sign-in"));
    }
    render(&ForgotPage::new(&visitor, "", FormErrors::default()))
}

/// Requests a link. The response does not tell whether the address has an account.
pub(crate) async fn submit_forgot(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let email = form.get("email");
    let mut errors = FormErrors::default();
    if email.is_empty() {
        errors.add("email", visitor.locale.text("missing-email"));
        return render_refused(&ForgotPage::new(&visitor, email, errors));
    }
    match visitor.call_public::<Value>(Call::post("/api/forgotpassword", json!({"email": email}))).await {
        Ok(_) => Ok(see_other("/forgotpassword?done=sent")),
        Err(error) => render_refused(&ForgotPage::new(&visitor, email, FormErrors::of(error, &visitor.locale)?)),
    }
}

/// Shows the form for the new password, or that it is changed.
pub(crate) async fn show_reset(visitor: Visitor) -> Result<HttpResponse, PageError> {
    if visitor.query("done") == "reset" {
        return render(&MessagePage::new(&visitor, "reset-done", "/signin", "sign-in"));
    }
    match visitor.query("token").as_str() {
        "" => invalid_link(&visitor),
        token => render(&ResetPage::new(&visitor, token, FormErrors::default())).map(without_referrer),
    }
}

/// Changes the password. All sessions end, also that of this browser.
pub(crate) async fn submit_reset(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let (token, password) = (form.get("token"), form.raw("newPassword"));
    if token.is_empty() {
        return invalid_link(&visitor);
    }
    let mut errors = FormErrors::default();
    if password.is_empty() {
        errors.add("newPassword", visitor.locale.text("missing-new-password"));
        return render_refused(&ResetPage::new(&visitor, token, errors)).map(without_referrer);
    }
    let reset = Call::post("/api/resetpassword", json!({"token": token, "newPassword": password}));
    match visitor.site.api.send_empty(&reset, &visitor.origin()).await {
        Ok(()) => {
            visitor.forget_session();
            Ok(see_other("/resetpassword?done=reset"))
        }
        Err(error) if error.code() == "link-not-found" => invalid_link(&visitor),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            render_refused(&ResetPage::new(&visitor, token, errors)).map(without_referrer)
        }
    }
}

/// Shows the button that confirms an address, or that it is confirmed.
pub(crate) async fn show_confirm(visitor: Visitor) -> Result<HttpResponse, PageError> {
    if visitor.query("done") == "confirmed" {
        return render(&MessagePage::new(&visitor, "confirm-done", "/account", "account"));
    }
    let token = visitor.query("token");
    if token.is_empty() {
        return invalid_link(&visitor);
    }
    let text = |id: &str| visitor.locale.text(id);
    let page = ButtonPage {
        page: visitor.page(text("confirm-email")),
        sentence: text("confirm-email-explained"),
        action: "/confirmemail".to_owned(),
        button: text("confirm-email"),
        token: Some(token),
    };
    render(&page).map(without_referrer)
}

/// Confirms an address.
pub(crate) async fn submit_confirm(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    let confirm = Call::post("/api/confirmemail", json!({"token": form.get("token")}));
    match visitor.site.api.send_empty(&confirm, &visitor.origin()).await {
        Ok(()) => Ok(see_other("/confirmemail?done=confirmed")),
        Err(error) if matches!(error.code(), "link-not-found" | "invalid-input") => invalid_link(&visitor),
        Err(error) => Err(error.into()),
    }
}

/// Shows the button that ends a kind of e-mail. It sets no cookie, and its form needs none.
pub(crate) async fn show_unsubscribe(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let token = visitor.query("token");
    if token.is_empty() {
        return invalid_link(&visitor);
    }
    let text = |id: &str| visitor.locale.text(id);
    let page = ButtonPage {
        page: visitor.page(text("unsubscribe")),
        sentence: text("unsubscribe-explained"),
        action: format!("/unsubscribe{}", links::query(&[("token", &token)])),
        button: text("unsubscribe"),
        token: None,
    };
    render(&page).map(without_referrer)
}

/// Ends a kind of e-mail. Mail programs send this request themselves (RFC 8058: no cookies, and only `List-Unsubscribe=One-Click` in
/// the body), so the token in the address is all that permits it.
pub(crate) async fn submit_unsubscribe(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let unsubscribe = Call::post("/api/unsubscribe", json!({"token": visitor.query("token")}));
    match visitor.site.api.send_empty(&unsubscribe, &visitor.origin()).await {
        Ok(()) => render(&MessagePage::new(&visitor, "unsubscribed", "/account", "account")).map(without_referrer),
        Err(error) if matches!(error.code(), "link-not-found" | "invalid-input") => invalid_link(&visitor),
        Err(error) => Err(error.into()),
    }
}
